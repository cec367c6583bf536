"""Register an adaptation as a candidate, compare it with the champion, and promote it if the gate passes."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from simpgan.components.core.data.cameras import are_told_apart
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.models.model_folder import model_digest, read_config
from simpgan.components.core.process.task import current_task
from simpgan.components.core.registry.adaptation import save_adaptation
from simpgan.components.core.registry.description import Description
from simpgan.components.core.registry.gate import MeasuredAdaptation, Verdict, judge
from simpgan.components.core.registry.model_registry import CANDIDATE, CHAMPION, ModelRegistry, RegisteredVersion
from simpgan.components.core.results.methods import ADABN, CAMERA_ADABN, JOINED, with_part
from simpgan.components.core.results.rows import MAIN_RATES, read_results
from simpgan.components.core.tracking import stage_run
from simpgan.components.propose.card import render_card
from simpgan.components.propose.promotion import record_verdict, stored_evaluation
from simpgan.components.propose.settings import ProposeSettings


def run(
    classifier: Path,
    source: Path,
    target: Path,
    evaluation: Path,
    settings: ProposeSettings,
    data_root: str,
    output: Path,
    *,
    translator: Path | None = None,
    companions: Sequence[Path] = (),
    companion_sources: Sequence[Path] = (),
    evaluation_of_champion: Path | None = None,
) -> tuple[RegisteredVersion, Verdict]:
    """Register an adaptation, and write verdict.json and card.md.

    The same parts are one version, however often they are proposed.

    Args:
        classifier: model folder; for source-to-target and self-training, that of the counterpart.
        source: folder of the manifest that the classifier was trained on.
        target: folder of the manifest that it was adapted to.
        evaluation: folder of the candidate's results.
        settings: settings of the stage.
        data_root: folder or `s3://` prefix that holds the shards.
        output: folder for verdict and card.
        translator: model folder; None for a method that does not translate.
        companions: model folders of further classifiers, for a method that joins features.
        companion_sources: folders of the manifests that they were trained on, in any order.
        evaluation_of_champion: folder of the champion's results on the same target; None: the registered ones.

    Returns:
        the version with its aliases, and the verdict.

    Raises:
        UserError: parts that do not belong together, or MLflow does not answer.
    """
    labelled, unlabelled = Manifest.load(source), Manifest.load(target)
    method = settings.method or default_method(unlabelled, translator, companions)
    inputs = {
        "source": labelled.digest,
        "target": unlabelled.digest,
        "classifier": model_digest(classifier),
        **({"translator": model_digest(translator)} if translator else {}),
        **{f"companion-{place}": model_digest(companion) for place, companion in enumerate(companions)},
    }
    output.mkdir(parents=True, exist_ok=True)
    split = (settings.protocol, settings.fold) if settings.protocol else evaluated_split(evaluation, method)
    resolved = {**settings.model_dump(), "method": method}
    with (
        stage_run("propose", task=current_task(), settings=resolved, inputs=inputs) as tracked,
        TemporaryDirectory() as place,
    ):
        tracked.log_data_set(labelled, source, "train")
        tracked.log_data_set(unlabelled, target, "train")
        registry = ModelRegistry(settings.model)
        description = save_adaptation(
            Path(place, "adaptation"),
            method,
            classifier=classifier,
            source=source,
            target=target,
            data_root=data_root,
            translator=translator,
            companions=companions,
            companion_sources=companion_sources,
            evaluation=evaluation,
            protocol=split[0],
            fold=split[1],
            variant=settings.variant,
            seed=settings.seed,
            batch=settings.batch,
            precision=settings.precision,
        )
        measured = MeasuredAdaptation.read(evaluation, description)
        champion = registry.find(CHAMPION)
        verdict = judge(measured, measured_champion(registry, champion, evaluation_of_champion), settings)
        card = render_card(Path(place, "adaptation"), description, measured, settings.resamples, settings.seed)
        version = registry.register(
            Path(place, "adaptation"),
            card=card,
            tags=tags_of(description, measured),
            metrics=metrics_of(measured),
            run_id=tracked.wait_for_id(),
        )
        if champion is None or champion.number != version.number:
            record_verdict(registry, version, verdict, champion)
            registry.set_alias(CANDIDATE, version)
            if settings.promote and verdict.passed:
                registry.promote(registry.version(version.number))
        version = registry.version(version.number)
        written = {"model": version.name, "version": version.number, "aliases": version.aliases, **verdict.model_dump()}
        (output / "verdict.json").write_text(json.dumps(written, indent=2) + "\n")
        (output / "card.md").write_text(card)
        tracked.log_text("verdict.json", json.dumps(written, indent=2))
        tracked.log_text("card.md", card)
        tracked.set_tag("simpgan.verdict", verdict.in_words)
        tracked.log_summary({"gate/passed": float(verdict.passed)})
    return version, verdict


def default_method(target: Manifest, translator: Path | None, companions: Sequence[Path]) -> str:
    """Return the method to register if none is named.

    It is AdaBN per camera, or AdaBN for a target of a single or unknown camera: after the translation by the translator
    or with the features of companions if there are any.
    """
    statistics = CAMERA_ADABN if are_told_apart(target.images) else ADABN
    if companions:
        return with_part(statistics, JOINED)
    return with_part(read_config(translator)["settings"]["method"] if translator else "direct", statistics)


def evaluated_split(evaluation: Path, method: str) -> tuple[str, int]:
    """Return the first protocol and fold in which a method was evaluated; an empty protocol if it has no rates."""
    if not (evaluation / "results.json").is_file():
        return "", 0
    rows = [row for row in read_results(evaluation / "results.json") if row.method == method]
    return min(((row.protocol, row.fold) for row in rows), default=("", 0))


def measured_champion(
    registry: ModelRegistry, champion: RegisteredVersion | None, evaluation: Path | None
) -> MeasuredAdaptation | None:
    """Return the champion's evaluation: that for the comparison if given, else that registered with it."""
    if champion is None:
        return None
    with TemporaryDirectory() as place:
        description = registry.fetch_evaluation(champion, Path(place))
        if evaluation:
            return MeasuredAdaptation.read(evaluation, description, exactly=False)
        return stored_evaluation(Path(place), description)


def tags_of(description: Description, measured: MeasuredAdaptation) -> dict[str, str]:
    """Return the tags that lists of versions show."""
    rates = {f"simpgan.{name}": f"{value:.1f}" for name, value in rates_of(measured).items()}
    checks = {f"simpgan.check.{name}": f"{value:.3g}" for name, value in measured.checks.items()}
    return {
        "simpgan.method": f"{description.method} {description.variant}".strip(),
        "simpgan.source": description.source,
        "simpgan.target": description.target,
        "simpgan.split": f"{description.protocol}:{description.fold}",
        "simpgan.seed": str(description.seed),
        **rates,
        **checks,
    }


def metrics_of(measured: MeasuredAdaptation) -> dict[str, float]:
    """Return the metrics that MLflow's page of models compares."""
    return {f"model/{name}": value for name, value in {**rates_of(measured), **measured.checks}.items()}


def rates_of(measured: MeasuredAdaptation) -> dict[str, float]:
    """Return rates in percent by name; empty without labels."""
    row = measured.row.model_dump(by_alias=True) if measured.row else {}
    return {name: row[name] for name in MAIN_RATES if name in row}
