"""The evaluate stage as a KFP component."""

from kfp import dsl

from components.core.images import image


@dsl.component(base_image=image("evaluate"), install_kfp_package=False)
def evaluate(
    settings: str,
    data_root: str,
    source: dsl.Input[dsl.Dataset],
    target: dsl.Input[dsl.Dataset],
    classifier: dsl.Input[dsl.Model],
    translated: dsl.Input[list[dsl.Dataset]],
    results: dsl.Output[dsl.Artifact],
    rank_1: dsl.Output[dsl.Metrics],
) -> None:
    """Measure how well the classifier finds people in the target, as it is and translated.

    Args:
        settings: EvaluateSettings as JSON.
        data_root: folder or `s3://` prefix that holds the shards.
        source: manifest of the data set the classifier was trained on.
        target: manifest of the data set to find people in.
        classifier: the siamese classifier.
        translated: manifests of the translated target, one an adaptation.
        results: output, a folder with results.json, report.html and cmc.svg.
        rank_1: output, rank-1 in percent of every row of the results, for the page of the run.
    """
    import json
    from pathlib import Path

    from components.evaluate import stage
    from components.evaluate.settings import EvaluateSettings

    resolved = EvaluateSettings.parse(json.loads(settings), stage="evaluate")
    manifests = [Path(each.path) for each in translated]
    rows = stage.run(
        Path(source.path),
        Path(target.path),
        Path(classifier.path),
        manifests,
        resolved,
        data_root,
        Path(results.path),
    )
    for row in rows:
        rank_1.log_metric(f"{row.method} {row.protocol}:{row.fold}", row.rank_1)
    Path(rank_1.path).touch()  # a local cache entry whose output is no file counts as lost
