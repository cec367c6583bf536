"""The propose stage as a KFP component."""

from kfp import dsl

from simpgan.components.core.images import image


@dsl.component(base_image=image("propose"), install_kfp_package=False)
def propose(
    settings: str,
    data_root: str,
    source: dsl.Input[dsl.Dataset],
    target: dsl.Input[dsl.Dataset],
    classifier: dsl.Input[dsl.Model],
    results: dsl.Input[dsl.Artifact],
    verdict: dsl.Output[dsl.Artifact],
    gate: dsl.Output[dsl.Metrics],
    page: dsl.Output[dsl.Markdown],
    translator: dsl.Input[dsl.Model] = None,
    results_of_champion: dsl.Input[dsl.Artifact] = None,
    joined: dsl.Input[dsl.Model] = None,
) -> None:
    """Register an adaptation in MLflow as a candidate, and make it the champion if the gate passes and settings allow.

    Args:
        settings: ProposeSettings as JSON.
        data_root: folder or `s3://` prefix that holds the shards.
        source: manifest of the data set that the classifier was trained on.
        target: manifest of the data set that it was adapted to.
        classifier: the siamese classifier.
        results: results of the candidate that evaluate wrote.
        verdict: output, a folder with verdict.json and card.md.
        gate: output, the gate's verdict, for the page of the run.
        page: output, the verdict and the model card.
        translator: the translator, for a method that translates.
        results_of_champion: results of the champion on the same target.
        joined: further classifiers with their sources, as the champion stage writes them, for joined features.
    """
    import json
    from pathlib import Path

    from simpgan.components.core.models.companions import companions_in
    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.propose import stage
    from simpgan.components.propose.settings import ProposeSettings

    with refusals_recorded("propose"):
        companions = companions_in(Path(joined.path)) if joined else []
        version, judged = stage.run(
            Path(classifier.path),
            Path(source.path),
            Path(target.path),
            Path(results.path),
            ProposeSettings.parse(json.loads(settings), stage="propose"),
            data_root,
            Path(verdict.path),
            translator=Path(translator.path) if translator else None,
            companions=[each / "classifier" for each in companions],
            companion_sources=[each / "source" for each in companions],
            evaluation_of_champion=Path(results_of_champion.path) if results_of_champion else None,
        )
        verdict.metadata.update(model=version.name, version=version.number, passed=judged.passed)
        gate.log_metric("version", version.number)
        gate.log_metric("passed", int(judged.passed))
        Path(gate.path).touch()  # a local cache entry without a file for an output counts as lost
        card = (Path(verdict.path) / "card.md").read_text()
        Path(page.path).write_text(f"**{version} {judged.in_words}**\n\n{card}")
