"""Measure how well the classifier finds people in the target, as recorded and with every other method."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from simpgan.components.core.data.cameras import are_told_apart
from simpgan.components.core.data.features import features_digest
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.overlap import refuse_shared_people
from simpgan.components.core.data.suitability import FEWEST, labelled_images, refuse_other_source, unrankable
from simpgan.components.core.models.camera_statistics import cameras_with_few, few_in_words
from simpgan.components.core.models.classifier import learned_pairs, load_classifier
from simpgan.components.core.models.extraction import PreparedImages
from simpgan.components.core.models.model_folder import model_digest
from simpgan.components.core.process import provenance
from simpgan.components.core.process.task import current_task
from simpgan.components.core.results.methods import SELF_TRAINING
from simpgan.components.core.results.probes import no_probes, write_probes
from simpgan.components.core.results.rows import OWN_CAMERA_COUNTS, ResultsRow, write_results
from simpgan.components.core.results.unlabelled_checks import write_checks
from simpgan.components.core.tracking import stage_run
from simpgan.components.core.training.device import choose_device
from simpgan.components.evaluate.companions import Companions
from simpgan.components.evaluate.data_sets import LabelledSource, Target, TargetSplit
from simpgan.components.evaluate.evaluation import (
    Evaluation,
    ShownSplit,
    evaluate_ready_made,
    evaluate_views,
    probes_table,
    results_row,
)
from simpgan.components.evaluate.presentation import present, split_to_show, trainings
from simpgan.components.evaluate.settings import EvaluateSettings
from simpgan.components.evaluate.unlabelled_checks import LabelFreeChecks
from simpgan.components.evaluate.views import (
    colour_transfer_views,
    counterpart_views,
    ready_made_features,
    recorded_view,
    refuse_repeated,
    translated_views,
)


def run(
    source: Path,
    target: Path,
    classifier: Path,
    settings: EvaluateSettings,
    data_root: str,
    output: Path,
    *,
    translated: Sequence[Path] = (),
    translators: Sequence[Path] = (),
    counterparts: Sequence[Path] = (),
    features: Sequence[Path] = (),
    companions: Sequence[Path] = (),
    companion_sources: Sequence[Path] = (),
) -> list[ResultsRow]:
    """Evaluate the classifier on the target and on its views, and write results, checks, report and figures.

    Direct transfer and AdaBN are evaluated in every split of the target, trained methods in the split of their
    training, and colour transfer where there is a translation (in every split if there is none). The label-free checks
    are those of one split. For a target without labels there are only checks, and the results have no rows.

    Args:
        source: folder of the manifest that the classifier was trained on.
        target: folder of the manifest to find people in.
        classifier: model folder.
        settings: settings of the stage.
        data_root: folder or `s3://` prefix that holds the shards.
        output: folder for the results.
        translated: folders of translations of the target.
        translators: model folders of their translators. Without them, the report does not show the source in the
            target's style, and a classifier that was fine-tuned with a translator is not used.
        counterparts: model folders of classifiers trained for the target: on the source in its style, or on its images.
        features: folders of features of the target's images.
        companions: model folders of further classifiers, whose features are joined with those of the first.
        companion_sources: folders of the manifests that they were trained on, in any order.

    Returns:
        the rows of the results.

    Raises:
        UserError: inputs that do not belong together, or source and target show the same people.
    """
    labelled, looked_in = Manifest.load(source), Target.load(target, settings.protocols, data_root)
    refuse_shared_people(labelled, looked_in.manifest, settings.allow_shared_people)
    joined = Companions.load(classifier, companions, companion_sources, looked_in.manifest, settings, data_root)
    network, config = load_classifier(classifier)
    refuse_other_source(classifier, config["source"], labelled)
    if not learned_pairs(config):
        # The classifier was trained without the verification loss.
        settings = settings.model_copy(update={"verification": False})
    seed = config["settings"]["seed"]
    trained_on = LabelledSource(PreparedImages(labelled, data_root), labelled_images(labelled, config["protocol"]))
    by_translation = translated_views(looked_in, translated, translators)
    by_counterpart = counterpart_views(labelled, looked_in, counterparts)
    by_features = ready_made_features(looked_in, features)
    runs = [(view.run, view.splits[0]) for view in (*by_translation, *by_counterpart)]
    runs += [(run, split) for run, split, _ in by_features]
    refuse_repeated(runs)
    split = split_to_show(looked_in.splits, [split for _, split in runs])
    remarks = notes(looked_in, split, [split for _, split in runs])
    if settings.camera_adabn:
        remarks += few_images(looked_in)
    if not looked_in.labelled:
        if by_features or any(view.run.method != SELF_TRAINING for view in by_counterpart):
            remarks.append("Methods of a translated source and UMDL have no label-free checks and are left out.")
        looked_in, by_features = looked_in.only(split), []
        by_translation = [view for view in by_translation if view.splits == looked_in.splits]
        by_counterpart = [
            view for view in by_counterpart if view.splits == looked_in.splits and view.run.method == SELF_TRAINING
        ]
    checks = LabelFreeChecks(trained_on, looked_in, split, settings)
    inputs = {
        "source": labelled.digest,
        "target": looked_in.manifest.digest,
        "classifier": model_digest(classifier),
        **{f"translated-{place}": Manifest.load(folder).digest for place, folder in enumerate(translated)},
        **{f"counterpart-{place}": model_digest(folder) for place, folder in enumerate(counterparts)},
        **{f"features-{place}": features_digest(folder) for place, folder in enumerate(features)},
        **{f"companion-{place}": model_digest(folder) for place, folder in enumerate(companions)},
        **{f"companion_source-{place}": Manifest.load(folder).digest for place, folder in enumerate(companion_sources)},
    }
    output.mkdir(parents=True, exist_ok=True)
    history = output / "history.jsonl"
    with stage_run(
        "evaluate", task=current_task(), settings=settings.model_dump(), history=history, inputs=inputs
    ) as tracked:
        tracked.log_data_set(labelled, source, "reference")
        for folder in companion_sources:
            tracked.log_data_set(Manifest.load(folder), folder, "reference")
        tracked.log_data_set(looked_in.manifest, target, "eval")
        network = network.to(choose_device()).eval()
        views = [*by_translation, *by_counterpart]
        if settings.matched:
            where = {view.splits[0] for view in by_translation} or set(looked_in.splits)
            splits = [split for split in looked_in.splits if split in where]
            size = {"height": network.config.height, "width": network.config.width}
            views += colour_transfer_views(looked_in, splits, trained_on, **size, seed=seed)
        evaluations = chain(
            evaluate_ready_made(looked_in, by_features, settings),
            evaluate_views(looked_in, recorded_view(looked_in, seed), views, network, settings, checks, joined),
        )
        common = {
            "source": labelled.dataset,
            "target": looked_in.manifest.dataset,
            "across_cameras": are_told_apart(looked_in.manifest.images),
            "preset": settings.preset,
            "hardware": provenance.hardware(),
            "date": provenance.today(),
            "commit": provenance.commit(),
        }
        rows, probes, of_split = results_of(evaluations, looked_in, split, common)
        write_results(rows, output / "results.json")
        write_probes(probes, output / "probes.parquet")
        checked = checks.result(inputs["classifier"])
        write_checks(checked, output / "checks.json")
        tracked.set_tag("simpgan.precision", checked.precision)
        present(
            ShownSplit(looked_in, split, trained_on, network, of_split),
            rows,
            settings,
            checks=checked,
            notes=remarks,
            details={"pretrain": config["settings"], **joined.details, **trainings(translated)},
            output=output,
            tracked=tracked,
        )
    return rows


def results_of(
    evaluations: Iterable[Evaluation], target: Target, shown: TargetSplit, common: Mapping[str, Any]
) -> tuple[list[ResultsRow], pd.DataFrame, list[Evaluation]]:
    """Collect rows, probes, and the evaluations of the split `shown`; only those keep their features."""
    rows, probes, of_split = [], [no_probes()], []
    for evaluation in evaluations:
        if evaluation.result:
            rows.append(results_row(evaluation, common))
            probes.append(probes_table(target, evaluation, rows[-1]))
        if evaluation.split == shown:
            of_split.append(evaluation)
    return rows, pd.concat(probes, ignore_index=True), of_split


def notes(target: Target, shown: TargetSplit, trained: Sequence[TargetSplit]) -> list[str]:
    """Return sentences on the splits that were evaluated for some methods only, or not at all, with the reasons."""
    without_match = [(each.protocol, each.fold) for each in target.unranked if len(target.rows(each, "query"))]
    remarks = [f"No probe can be ranked: {unrankable(target.manifest, [split])}." for split in without_match]
    if not target.labelled:
        return remarks + ([f"Only {shown} was evaluated."] if len(target.splits) > 1 else [])
    if not are_told_apart(target.manifest.images):
        remarks.append(f"{target.manifest.dataset} does not tell cameras apart. {OWN_CAMERA_COUNTS}")
    counts = {split: len(target.rows(split, "train")) for split in target.splits}
    remarks += [
        f"Nothing can be trained on the target in {split}: it has {count} training images."
        for split, count in counts.items()
        if count < FEWEST
    ]
    missing = [split for split in target.splits if split not in trained]
    if trained and missing:
        others = "The other split has" if len(missing) == 1 else f"The other {len(missing)} splits have"
        remarks.append(
            f"Methods that are trained on the target were evaluated for {'; '.join(sorted(set(map(str, trained))))}. "
            f"{others} rows of methods that train nothing."
        )
    return remarks


def few_images(target: Target) -> list[str]:
    """Return a sentence on the cameras with too few unlabelled images for statistics of their own, if there are any."""
    few = []
    for unlabelled, splits in target.by_unlabelled_images(target.splits, at_least=2):
        few += [cameras_with_few(target.manifest, unlabelled)] * len(splits)
    if named := few_in_words(few):
        return [f"AdaBN per camera takes the statistics of the whole set for cameras with few images: {named}."]
    return []
