"""Learn UMDL's dictionaries, the paper's baseline without a network, and write features of the target."""

import logging
from pathlib import Path

import numpy as np
from safetensors.numpy import save
from threadpoolctl import threadpool_limits

from simpgan.components.core import storage
from simpgan.components.core.data.features import save_features
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.suitability import labelled_images, probes_for_umdl, training_images
from simpgan.components.core.process.progress import Progress
from simpgan.components.core.process.task import current_task
from simpgan.components.core.tracking import StageRun, stage_run
from simpgan.components.core.training.loop import refuse_not_finite
from simpgan.components.umdl.appearance import extract
from simpgan.components.umdl.domain import ridge_codes
from simpgan.components.umdl.learning import Learner
from simpgan.components.umdl.settings import UmdlSettings

logger = logging.getLogger(__name__)

UNKNOWN = -1


def run(source: Path, target: Path, settings: UmdlSettings, data_root: str, output: Path) -> None:
    """Learn from two manifests, and write features of the target's probes and gallery.

    No label of the target is used, and only images with the role train in the settings' protocol and fold are learned
    from. Dictionaries and history are written beside the features.

    Args:
        source: folder of the labelled manifest.
        target: folder of the manifest to adapt to.
        settings: settings of the stage.
        data_root: folder or `s3://` prefix that holds the shards.
        output: folder for features.safetensors, dictionaries.safetensors and history.jsonl.

    Raises:
        UserError: source or target has no training images, or the target no probes and gallery, in that split.
    """
    labelled, unlabelled = Manifest.load(source), Manifest.load(target)
    source_rows = labelled_images(labelled)
    target_rows = training_images(unlabelled, settings.protocol, settings.fold)
    test_rows = probes_for_umdl(unlabelled, settings.protocol, settings.fold)
    person = labelled.images["person"].to_numpy()[source_rows].astype(np.int64)
    camera = unlabelled.images["camera"].fillna(UNKNOWN).to_numpy(dtype=np.int64)[target_rows]
    inputs = {"source": labelled.digest, "target": unlabelled.digest}
    label = f"umdl {settings.protocol}:{settings.fold}"
    history = output / "history.jsonl"
    with (
        threadpool_limits(1, "blas"),  # most of a step's thousand small products end before a thread wakes up
        stage_run(
            "umdl", task=current_task(), label=label, settings=settings.model_dump(), history=history, inputs=inputs
        ) as tracked,
    ):
        tracked.log_data_set(labelled, source, "train")
        tracked.log_data_set(unlabelled, target, "train")
        learner = Learner(
            extract(data_root, labelled, source_rows).T,
            person,
            extract(data_root, unlabelled, target_rows).T,
            camera,
            settings,
        )
        train(learner, label, tracked)
        images = extract(data_root, unlabelled, test_rows).T
        features = ridge_codes(learner.target.dictionaries, images, settings.test_ridge).T
        shared, own, residual = learner.target.dictionaries
        dictionaries = {
            "shared": shared,
            "target": own,
            "target_residual": residual,
            "source_residual": learner.source.dictionaries[-1],
        }
        description = {
            "method": "umdl",
            "protocol": settings.protocol,
            "fold": settings.fold,
            "seed": settings.seed,
            "steps": 0,
            "target": unlabelled.digest,
        }
        tensors = {name: np.ascontiguousarray(atoms, dtype=np.float32) for name, atoms in dictionaries.items()}
        storage.write_bytes(str(output / "dictionaries.safetensors"), save(tensors))
        save_features(output, test_rows, features.astype(np.float32), description)
        logger.info(f"{label}: wrote the features of {len(test_rows):,} images, and the dictionaries, to {output}")


def train(learner: Learner, label: str, tracked: StageRun) -> None:
    """Do all steps, and record the objective after each."""
    with Progress(label, learner.steps, "step") as bar:
        for step, losses in enumerate(learner.train()):
            refuse_not_finite(label, step, losses, "raise umdl.ridge")
            tracked.log_metrics(step, losses)
            bar.losses(losses)
            bar.update()
