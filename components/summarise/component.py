"""The summarise stage as a KFP component."""

from kfp import dsl

from simpgan.components.core.images import image


@dsl.component(base_image=image("summarise"), install_kfp_package=False)
def summarise(
    settings: str,
    results: dsl.Input[list[dsl.Artifact]],
    summary: dsl.Output[dsl.Artifact],
) -> None:
    """Join the results of several evaluations, with confidence intervals and tests.

    Args:
        settings: SummariseSettings as JSON.
        results: folders that evaluate wrote.
        summary: output, a folder with results.json, probes.parquet and pages.
    """
    import json
    from pathlib import Path

    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.summarise import stage
    from simpgan.components.summarise.settings import SummariseSettings

    with refusals_recorded("summarise"):
        resolved = SummariseSettings.parse(json.loads(settings), stage="summarise")
        stage.run([Path(each.path) for each in results], resolved, Path(summary.path))
