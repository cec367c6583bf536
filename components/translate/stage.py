"""Translate the images of a manifest, between source and target, into a manifest of their own."""

import io
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from simpgan.components.core.data.image_tensors import iterate_batches, to_uint8, to_unit_range
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.shards import write_shards
from simpgan.components.core.data.translation_origin import translation_name
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.model_folder import load_network, model_digest
from simpgan.components.core.models.precision import Inference
from simpgan.components.core.models.translator import Generator, GeneratorConfig, load_translator
from simpgan.components.core.process.progress import Progress
from simpgan.components.core.process.task import current_task
from simpgan.components.core.tracking import stage_run
from simpgan.components.core.training.device import choose_device
from simpgan.components.translate.settings import Direction, TranslateSettings

logger = logging.getLogger(__name__)

COMPRESSION = 1
"""zlib's level. Of photographs at 256x128, level 1 writes 253 per second with 43 kB each, and level 6 59 with 39 kB."""


def run(
    images: Path, translator: Path, settings: TranslateSettings, data_root: str, output: Path, variant: str = ""
) -> Manifest:
    """Translate every image of a manifest, and write the new manifest.

    Names, people, cameras and roles stay. `output`/translation.json contains direction, settings and label-free score
    of the translator's training, and its `variant`.

    Args:
        images: folder of the manifest.
        translator: model folder that train_gan wrote.
        settings: settings of the stage.
        data_root: folder or `s3://` prefix that holds the shards, and gets those of the translations.
        output: folder of the new manifest.
        variant: settings by which the training differs from others of a sweep.

    Raises:
        UserError: `translator` holds no translator, or translates into this data set.
    """
    manifest = Manifest.load(images)
    generator, config = load_generator(translator, settings.direction)
    refuse_other_side(manifest, config, settings.direction)
    inputs = {"images": manifest.digest, "translator": model_digest(translator)}
    trained = config["settings"]
    with stage_run(
        "translate",
        task=current_task(),
        label=f"translate {settings.direction} {trained['method']} {trained['protocol']}:{trained['fold']}",
        settings=settings.model_dump(),
        history=output / "history.jsonl",
        inputs=inputs,
    ) as tracked:
        tracked.log_data_set(manifest, images, "translate")
        translating = Inference(generator.to(choose_device()).eval(), settings.precision)
        translations = translate(manifest, translating, generator.config, settings.batch, data_root)
        began = time.monotonic()
        shards = write_shards(data_root, zip(manifest.images["name"], translations, strict=True)).table
        speed = len(shards) / (time.monotonic() - began)
        tracked.log_summary({"images": len(shards), "speed/images_per_second": speed})
        images_table = manifest.images.assign(
            shard=shards["shard"],
            position=shards["position"],
            sha256=shards["sha256"],
            height=generator.config.height,
            width=generator.config.width,
        )
        dataset = translation_name(manifest.dataset, trained["method"])
        translated = Manifest(
            dataset,
            images_table,
            manifest.roles,
            source_protocol=manifest.source_protocol,
            parts=manifest.parts,
        )
        translated.save(output)
        tracked.log_data_set(translated, output, "made")
        origin = {
            "settings": trained,
            "variant": variant,
            "direction": settings.direction,
            "selection": config.get("selection"),
            "inputs": inputs,
            "precision": translating.precision,
        }
        tracked.set_tag("simpgan.precision", str(translating))
        (output / "translation.json").write_text(json.dumps(origin, indent=2) + "\n")
        logger.info(f"{dataset}: wrote {len(shards):,} translated images, and their manifest to {output}")
    return translated


def load_generator(translator: Path, direction: Direction) -> tuple[Generator, dict[str, Any]]:
    """Load F or G of a translator; return it with the config."""
    generator, config = load_translator(translator)
    if direction == "source-to-target":
        load_network(translator, "g", generator)
    return generator, config


def refuse_other_side(manifest: Manifest, config: dict[str, Any], direction: Direction) -> None:
    """Raise UserError if the manifest is the data set into which the generator translates."""
    _, side = direction.split("-to-")
    if manifest.digest == config.get("inputs", {}).get(side):
        raise UserError(
            f"{manifest.dataset} is the {side} of this translator, and {direction} translates the other data set: "
            "give that one, or the other direction"
        )


def translate(
    manifest: Manifest, translator: Inference, config: GeneratorConfig, batch: int, data_root: str
) -> Iterator[bytes]:
    """Yield the translation of each image as PNG, in the manifest's order.

    Images are resized to the generator's size, without crop or flip. Values are clipped, never stretched. The
    classifier sees the stored images, so PNG loses nothing.
    """
    device = choose_device()
    rows = np.arange(len(manifest.images))
    with Progress("translate", len(rows), "image") as bar:
        for some in iterate_batches(data_root, manifest, rows, config.height, config.width, batch):
            images = to_uint8(translator(to_unit_range(some.to(device))))
            for image in images.permute(0, 2, 3, 1).cpu().numpy():
                encoded = io.BytesIO()
                Image.fromarray(image).save(encoded, "png", compress_level=COMPRESSION)
                yield encoded.getvalue()
            bar.update(len(some))
