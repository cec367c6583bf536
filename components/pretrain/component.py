"""The pretrain stage as a KFP component."""

from kfp import dsl

from simpgan.components.core.images import image


@dsl.component(base_image=image("pretrain"), install_kfp_package=False)
def pretrain(
    settings: str,
    data_root: str,
    source: dsl.Input[dsl.Dataset],
    classifier: dsl.Output[dsl.Model],
) -> None:
    """Train the siamese classifier on the labelled source.

    Args:
        settings: PretrainSettings as JSON.
        data_root: folder or `s3://` prefix that holds the shards, and gets the checkpoints.
        source: manifest of the labelled data set.
        classifier: output, the trained classifier.
    """
    import json
    from pathlib import Path

    from simpgan.components.core.models.model_folder import model_digest
    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.core.training.launch import together
    from simpgan.components.pretrain import stage
    from simpgan.components.pretrain.settings import PretrainSettings

    with refusals_recorded("pretrain"):
        resolved = PretrainSettings.parse(json.loads(settings), stage="pretrain")
        together(stage.run, Path(source.path), resolved, data_root, Path(classifier.path))
        name = source.metadata.get("name", source.metadata.get("source", ""))
        classifier.metadata.update(digest=model_digest(Path(classifier.path)), source=name)
