"""The translate stage as a KFP component."""

from kfp import dsl

from components.core.images import image


@dsl.component(base_image=image("translate"), install_kfp_package=False)
def translate(
    settings: str,
    data_root: str,
    target: dsl.Input[dsl.Dataset],
    translator: dsl.Input[dsl.Model],
    translated: dsl.Output[dsl.Dataset],
) -> None:
    """Translate the target's images into the source's style.

    Args:
        settings: TranslateSettings as JSON.
        data_root: folder or `s3://` prefix that holds the shards, and gets those of the translated images.
        target: manifest of the images to translate.
        translator: the generator from target to source.
        translated: output, manifest of the translated images.
    """
    import json
    from pathlib import Path

    from components.translate import stage
    from components.translate.settings import TranslateSettings

    resolved = TranslateSettings.parse(json.loads(settings), stage="translate")
    written = stage.run(Path(target.path), Path(translator.path), resolved, data_root, Path(translated.path))
    translated.metadata.update({**translator.metadata, "digest": written.digest})
