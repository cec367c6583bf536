"""The umdl stage as a KFP component."""

from kfp import dsl

from simpgan.components.core.images import image


@dsl.component(base_image=image("umdl"), install_kfp_package=False)
def umdl(
    protocol: str,
    fold: str,
    settings: str,
    data_root: str,
    source: dsl.Input[dsl.Dataset],
    target: dsl.Input[dsl.Dataset],
    features: dsl.Output[dsl.Dataset],
) -> None:
    """Learn UMDL's dictionaries for one fold, and write features of the target.

    Args:
        protocol: protocol of the target whose training images are learned from.
        fold: fold of the protocol from 0, in digits (KFP turns the integers of a list into floats).
        settings: UmdlSettings as JSON; protocol and fold above override theirs.
        data_root: folder or `s3://` prefix that holds the shards.
        source: manifest of the labelled data set.
        target: manifest of the data set to adapt to.
        features: output, features of the target's probes and gallery in that fold.
    """
    import json
    from pathlib import Path

    from simpgan.components.core.data.features import features_digest
    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.umdl import stage
    from simpgan.components.umdl.settings import UmdlSettings

    with refusals_recorded("umdl"):
        resolved = UmdlSettings.resolve(json.loads(settings), {"protocol": protocol, "fold": fold}, stage="umdl")
        stage.run(Path(source.path), Path(target.path), resolved, data_root, Path(features.path))
        digest = features_digest(Path(features.path))
        features.metadata.update(method="umdl", protocol=protocol, fold=fold, digest=digest)
