"""Find the cameras that no longer look as they did when the model in use was trained."""

import logging
from pathlib import Path

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.process.task import current_task
from simpgan.components.core.tracking import stage_run
from simpgan.components.drift.camera_drift import CameraDrift, compare_cameras, figures_of, write_drift
from simpgan.components.drift.cameras import Networks
from simpgan.components.drift.image_features import Model
from simpgan.components.drift.report import chart, write_page
from simpgan.components.drift.settings import DriftSettings

logger = logging.getLogger(__name__)


def run(
    reference: Path, new: Path, classifier: Path, settings: DriftSettings, data_root: str, output: Path
) -> list[CameraDrift]:
    """Compare each camera's new images with those before, and write drift.json and drift.html.

    Args:
        reference: folder of the manifest that the model in use was trained on.
        new: folder of the manifest of the images since; images that the reference has are left out.
        classifier: model folder of the classifier, or folder of an adaptation.
        settings: settings of the stage.
        data_root: folder or `s3://` prefix that holds the shards.
        output: folder for the results.

    Returns:
        the drift of every camera.

    Raises:
        UserError: there is nothing to compare, no camera in both, or no model.
    """
    before, since = Manifest.load(reference), Manifest.load(new)
    networks = Networks.from_manifests(before, since)
    model = Model(classifier, settings)
    inputs = {"reference": before.digest, "new": since.digest, "classifier": model.digest}
    output.mkdir(parents=True, exist_ok=True)
    history = output / "history.jsonl"
    with stage_run(
        "drift", task=current_task(), settings=settings.model_dump(), history=history, inputs=inputs
    ) as tracked:
        tracked.log_data_set(before, reference, "reference")
        tracked.log_data_set(since, new, "new")
        compared = list(compare_cameras(before, since, networks, model, settings, data_root))
        cameras = [each.drift for each in compared]
        write_drift(output / "drift.json", cameras, inputs, settings, model.looking.precision)
        tracked.set_tag("simpgan.precision", str(model.looking))
        details = {**settings.model_dump(), **inputs}
        write_page(output / "drift.html", compared, (before.dataset, since.dataset), details, settings, data_root)
        tracked.log_summary(figures_of(cameras))
        if any(each.p is not None for each in cameras):
            tracked.log_figure("drift", chart(cameras))
        for name in ("drift.json", "drift.html"):
            tracked.log_artifact(output / name)
        changed = sum(each.status != "same" for each in cameras)
        logger.info(f"{changed} of {len(cameras)} cameras do not look as before; wrote {output / 'drift.html'}")
    return cameras
