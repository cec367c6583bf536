"""Translate the target's images into the source's style by F, into a manifest of their own."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from components.core.data.decoded import iterate_batches, to_uint8, to_unit_range
from components.core.data.manifest import Manifest
from components.core.data.shards import write_shards
from components.core.models.folder import model_digest
from components.core.models.translator import Generator, load_translator
from components.core.runtime.device import autocast, choose_device
from components.core.runtime.tracking import stage_run
from components.translate.settings import TranslateSettings


def run(target: Path, translator: Path, settings: TranslateSettings, data_root: str, output: Path) -> Manifest:
    """Translate every image of the manifest at `target`; write the new manifest to `output`.

    Names, persons, cameras and roles stay. `output`/translation.json says which training the translator comes from.
    """
    manifest = Manifest.load(target)
    generator, config = load_translator(translator)
    inputs = {"target": manifest.digest, "translator": model_digest(translator)}
    trained = config["settings"]
    with stage_run(
        "translate",
        label=f"translate {trained['method']} {trained['protocol']}:{trained['fold']}",
        settings=settings.model_dump(),
        history=output / "history.jsonl",
        inputs=inputs,
    ):
        translations = translate(manifest, generator, settings, data_root)
        shards = write_shards(data_root, zip(manifest.images["name"], translations, strict=True)).table
        images = manifest.images.assign(
            shard=shards["shard"],
            position=shards["position"],
            sha256=shards["sha256"],
            height=generator.config.height,
            width=generator.config.width,
        )
        dataset = f"{manifest.dataset} by {trained['method']}"
        translated = Manifest(dataset, images, manifest.roles, source_protocol=manifest.source_protocol)
        translated.save(output)
        (output / "translation.json").write_text(json.dumps({"settings": trained, "inputs": inputs}, indent=2) + "\n")
    return translated


def translate(manifest: Manifest, generator: Generator, settings: TranslateSettings, data_root: str) -> Iterator[bytes]:
    """F of each image in the manifest's order, as PNG: what F wrote is what the classifier will see.

    A plain resize to F's size, no crop, no flip; values are clipped, never stretched.
    """
    device = choose_device()
    generator = generator.to(device).eval()
    rows = np.arange(len(manifest.images))
    size = (generator.config.height, generator.config.width)
    with tqdm(total=len(rows), desc="translate", unit="image", disable=None) as bar:
        for batch in iterate_batches(data_root, manifest, rows, *size, settings.batch):
            with torch.no_grad(), autocast(device, settings.precision):
                images = to_uint8(generator(to_unit_range(batch.to(device))))
            for image in images.permute(0, 2, 3, 1).cpu().numpy():
                encoded = io.BytesIO()
                Image.fromarray(image).save(encoded, "png")
                yield encoded.getvalue()
            bar.update(len(batch))
