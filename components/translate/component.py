"""The translate stage as a KFP component."""

from kfp import dsl

from simpgan.components.core.images import image


@dsl.component(base_image=image("translate"), install_kfp_package=False)
def translate(
    direction: str,
    settings: str,
    data_root: str,
    images: dsl.Input[dsl.Dataset],
    translator: dsl.Input[dsl.Model],
    translated: dsl.Output[dsl.Dataset],
) -> None:
    """Translate the target's images into the source's style, or the source's into the target's.

    Args:
        direction: `target-to-source` or `source-to-target`.
        settings: TranslateSettings as JSON; the direction above overrides theirs.
        data_root: folder or `s3://` prefix that holds the shards, and gets those of the translations.
        images: manifest of the images to translate.
        translator: the translator that train_gan made.
        translated: output, manifest of the translated images.
    """
    import json
    from pathlib import Path

    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.translate import stage
    from simpgan.components.translate.settings import TranslateSettings

    with refusals_recorded("translate"):
        resolved = TranslateSettings.resolve(json.loads(settings), {"direction": direction}, stage="translate")
        variant = translator.metadata.get("variant", "")
        written = stage.run(
            Path(images.path), Path(translator.path), resolved, data_root, Path(translated.path), variant
        )
        translated.metadata.update({**translator.metadata, "direction": direction, "digest": written.digest})
