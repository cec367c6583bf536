"""The self_train stage as a KFP component."""

from kfp import dsl

from simpgan.components.core.images import image


@dsl.component(base_image=image("self_train"), install_kfp_package=False)
def self_train(
    method: str,
    protocol: str,
    fold: str,
    settings: str,
    data_root: str,
    target: dsl.Input[dsl.Dataset],
    initial: dsl.Input[dsl.Model],
    classifier: dsl.Output[dsl.Model],
    source: dsl.Input[dsl.Dataset] = None,
) -> None:
    """Train a classifier on the target's unlabelled images, by clusters that it finds in them.

    Args:
        method: what results call it: `self-training`, or `simpgan+self-training` after a training on the translated
            source.
        protocol: protocol of the target whose training images are used.
        fold: fold of the protocol from 0, in digits (KFP turns the integers of a list into floats).
        settings: SelfTrainSettings as JSON; protocol and fold above override them.
        data_root: folder or `s3://` prefix that holds the shards, and gets the checkpoints.
        target: manifest of the data set to learn from.
        initial: the classifier to start from.
        classifier: output, the trained classifier.
        source: labelled data set to learn from as well, such as the source in the target's style.
    """
    import json
    from pathlib import Path

    from simpgan.components.core.models.model_folder import model_digest
    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.core.training.launch import together
    from simpgan.components.self_train import stage
    from simpgan.components.self_train.settings import SelfTrainSettings

    with refusals_recorded("self_train"):
        own = {"protocol": protocol, "fold": fold}
        resolved = SelfTrainSettings.resolve(json.loads(settings), own, stage="self_train")
        together(
            stage.run,
            Path(initial.path),
            Path(target.path),
            resolved,
            data_root,
            Path(classifier.path),
            Path(source.path) if source else None,
            method,
        )
        classifier.metadata.update(digest=model_digest(Path(classifier.path)))
