"""The drift stage as a KFP component."""

from kfp import dsl

from simpgan.components.core.images import image


@dsl.component(base_image=image("drift"), install_kfp_package=False)
def drift(
    settings: str,
    data_root: str,
    reference: dsl.Input[dsl.Dataset],
    new: dsl.Input[dsl.Dataset],
    classifier: dsl.Input[dsl.Model],
    cameras: dsl.Output[dsl.Artifact],
) -> None:
    """Find the cameras that no longer look as they did when the model in use was trained.

    Args:
        settings: DriftSettings as JSON.
        data_root: folder or `s3://` prefix that holds the shards.
        reference: manifest of the images that the model in use was trained on.
        new: manifest of the images since; images that the reference has are left out.
        classifier: the classifier in use, or an adaptation.
        cameras: output, a folder with drift.json and drift.html.
    """
    import json
    from pathlib import Path

    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.drift import stage
    from simpgan.components.drift.settings import DriftSettings

    with refusals_recorded("drift"):
        stage.run(
            Path(reference.path),
            Path(new.path),
            Path(classifier.path),
            DriftSettings.parse(json.loads(settings), stage="drift"),
            data_root,
            Path(cameras.path),
        )
