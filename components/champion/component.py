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
    companions: dsl.Output[dsl.Model],
) -> None:
    """Fetch the model in use from MLflow.

    Never cache this stage: the version behind an alias changes.

    Args:
        model: name of the registered model.
        which: alias or number of the version, such as `champion`.
        classifier: output, the siamese classifier with the statistics it was trained with.
        translator: output, the translator; without config.json if the method does not translate.
        source: output, manifest of the data set that the classifier was trained on.
        target: output, manifest of the data set that it was adapted to.
        companions: output, further classifiers with their sources, whose features are joined; empty if there are none.
    """
    from pathlib import Path

    from simpgan.components.champion import stage
    from simpgan.components.core.tracking.refusals import refusals_recorded

    with refusals_recorded("champion"):
        outputs = {
            "classifier": classifier,
            "translator": translator,
            "source": source,
            "target": target,
            "companions": companions,
        }
        version, about = stage.run(model, which, {name: Path(each.path) for name, each in outputs.items()})
        for name, output in outputs.items():
            output.metadata.update(model=model, version=version.number, digest=about.digests.get(name, "none"))
        source.metadata["name"], target.metadata["name"] = about.source, about.target
        classifier.metadata["source"] = about.source
        companions.metadata["digest"] = " ".join(about.classifiers[1:]) or "none"
        translator.metadata.update(method=about.base, protocol=about.protocol, fold=str(about.fold))
