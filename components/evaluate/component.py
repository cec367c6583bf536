"""The evaluate stage as a KFP component."""

from kfp import dsl

from simpgan.components.core.images import image


@dsl.component(base_image=image("evaluate"), install_kfp_package=False)
def evaluate(
    settings: str,
    data_root: str,
    source: dsl.Input[dsl.Dataset],
    target: dsl.Input[dsl.Dataset],
    classifier: dsl.Input[dsl.Model],
    results: dsl.Output[dsl.Artifact],
    rank_1: dsl.Output[dsl.Metrics],
    translated: dsl.Input[list[dsl.Dataset]] = None,
    translators: dsl.Input[list[dsl.Model]] = None,
    counterparts: dsl.Input[list[dsl.Model]] = None,
    self_trained: dsl.Input[list[dsl.Model]] = None,
    simpgan_self_trained: dsl.Input[list[dsl.Model]] = None,
    counterpart: dsl.Input[dsl.Model] = None,
    features: dsl.Input[list[dsl.Dataset]] = None,
    translation: dsl.Input[dsl.Dataset] = None,
    translator: dsl.Input[dsl.Model] = None,
    companions: dsl.Input[list[dsl.Model]] = None,
    companion_sources: dsl.Input[list[dsl.Dataset]] = None,
    joined: dsl.Input[dsl.Model] = None,
) -> None:
    """Measure how well the classifier finds people in the target, as recorded and with every other method.

    Args:
        settings: EvaluateSettings as JSON.
        data_root: folder or `s3://` prefix that holds the shards.
        source: manifest of the data set that the classifier was trained on.
        target: manifest of the data set to find people in.
        classifier: the siamese classifier.
        translated: manifests of the translated target, one per training.
        translators: the translators that made them.
        counterparts: classifiers that were trained on the source in the target's style.
        self_trained: classifiers that were trained on the target's unlabelled images.
        simpgan_self_trained: likewise, after a training on the source in the target's style.
        counterpart: one more such classifier, for pipelines without a loop, which cannot make a list; one that was not
            trained for a target is left out.
        features: features of the target's images by methods without a classifier.
        translation: one more translated target, for pipelines without a loop, which cannot make a list.
        translator: the translator that made it.
        companions: further classifiers, whose features are joined with those of the first.
        companion_sources: manifests of the data sets that they were trained on, in any order.
        joined: more of both, as the champion stage writes them.
        results: output, a folder with results.json, probes.parquet, report.html and figures.
        rank_1: output, rank-1 in percent of every row of the results, for the page of the run.
    """
    import json
    from pathlib import Path

    from simpgan.components.core.models.companions import companions_in
    from simpgan.components.core.models.model_folder import read_config
    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.evaluate import stage
    from simpgan.components.evaluate.settings import EvaluateSettings

    with refusals_recorded("evaluate"):
        given = [*(counterparts or []), *(self_trained or []), *(simpgan_self_trained or [])]
        trained_for_target = [Path(each.path) for each in given]
        if counterpart and "adaptation" in read_config(Path(counterpart.path)):
            trained_for_target.append(Path(counterpart.path))
        more = companions_in(Path(joined.path)) if joined else []
        rows = stage.run(
            Path(source.path),
            Path(target.path),
            Path(classifier.path),
            EvaluateSettings.parse(json.loads(settings), stage="evaluate"),
            data_root,
            Path(results.path),
            translated=[Path(each.path) for each in [*(translated or []), translation] if each],
            translators=[Path(each.path) for each in [*(translators or []), translator] if each],
            counterparts=trained_for_target,
            features=[Path(each.path) for each in features or []],
            companions=[*(Path(each.path) for each in companions or []), *(each / "classifier" for each in more)],
            companion_sources=[
                *(Path(each.path) for each in companion_sources or []),
                *(each / "source" for each in more),
            ],
        )
        for row in rows:
            method = f"{row.method} {row.variant}".strip()
            rank_1.log_metric(f"{method} {row.protocol}:{row.fold}", row.rank_1)
        Path(rank_1.path).touch()  # a local cache entry without a file for an output counts as lost
