"""The champion stage as a KFP component."""

from kfp import dsl

from simpgan.components.core.images import image


@dsl.component(base_image=image("champion"), install_kfp_package=False)
def champion(
    model: str,
    which: str,
    classifier: dsl.Output[dsl.Model],
    translator: dsl.Output[dsl.Model],
    source: dsl.Output[dsl.Dataset],
    target: dsl.Output[dsl.Dataset],
) -> None:
    """Fetch the model in use from MLflow. What it is changes behind its name: never take this from the cache.

    Args:
        model: name of the registered model.
        which: alias or number of the version: `champion`.
        classifier: output, the siamese classifier, with the statistics it was trained with.
        translator: output, the translator; without config.json where the method translates nothing.
        source: output, manifest of the data set the classifier was trained on.
        target: output, manifest of the data set it was adapted to.
    """
    from pathlib import Path

    from simpgan.components.champion import stage

    outputs = {"classifier": classifier, "translator": translator, "source": source, "target": target}
    version, about = stage.run(model, which, {name: Path(each.path) for name, each in outputs.items()})
    for name, output in outputs.items():
        output.metadata.update(model=model, version=version.number, digest=about.digests.get(name, "none"))
    source.metadata["name"], target.metadata["name"] = about.source, about.target
    classifier.metadata["source"] = about.source
    translator.metadata.update(method=about.base, protocol=about.protocol, fold=str(about.fold))
