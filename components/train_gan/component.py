"""The train_gan stage as a KFP component."""

from kfp import dsl

from simpgan.components.core.images import image


@dsl.component(base_image=image("train_gan"), install_kfp_package=False)
def train_gan(
    method: str,
    protocol: str,
    fold: str,
    changes: str,
    settings: str,
    data_root: str,
    source: dsl.Input[dsl.Dataset],
    target: dsl.Input[dsl.Dataset],
    classifier: dsl.Input[dsl.Model],
    translator: dsl.Output[dsl.Model],
    initial: dsl.Input[dsl.Model] = None,
) -> None:
    """Train one translator between source and target.

    Args:
        method: `simpgan`, `simpgan-fit`, `cyclegan` or `gan`.
        protocol: protocol of the target whose training images are used.
        fold: fold of the protocol from 0, in digits (KFP turns the integers of a list into floats).
        changes: JSON object of the settings that differ in this run of a sweep, else `{}`.
        settings: TrainGanSettings as JSON; method, protocol, fold and changes above override them.
        data_root: folder or `s3://` prefix that holds the shards, and gets the checkpoints.
        source: manifest of the labelled data set.
        target: manifest of the data set to adapt to.
        classifier: the siamese classifier that judges similarity.
        translator: output, the generators and discriminators.
        initial: translator whose training goes on.
    """
    import json
    from pathlib import Path

    from simpgan.components.core.models.model_folder import model_digest
    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.core.training.launch import together
    from simpgan.components.train_gan import stage
    from simpgan.components.train_gan.settings import TrainGanSettings

    with refusals_recorded("train_gan"):
        changed = json.loads(changes)
        own = {"method": method, "protocol": protocol, "fold": fold}
        resolved = TrainGanSettings.resolve(json.loads(settings), own, changed, stage="train_gan")
        together(
            stage.run,
            Path(source.path),
            Path(target.path),
            Path(classifier.path),
            resolved,
            data_root,
            Path(translator.path),
            Path(initial.path) if initial else None,
        )
        variant = ", ".join(f"{name}={value}" for name, value in changed.items())
        digest = model_digest(Path(translator.path))
        translator.metadata.update(method=method, protocol=protocol, fold=fold, variant=variant, digest=digest)
        translator.metadata.update(source=source.metadata["name"], seed=str(resolved.seed))
