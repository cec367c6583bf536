"""Export a model: write it, run what was written, and keep it only if it computes the same features."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from simpgan.components.core import storage
from simpgan.components.core.data.image_tensors import resize_image, to_uint8, to_unit_range
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import load_classifier
from simpgan.components.core.models.model_folder import model_digest
from simpgan.components.core.models.precision import Inference
from simpgan.components.core.registry.adaptation import Adaptation, load_adaptation
from simpgan.components.core.registry.description import DESCRIPTION, Description, verify
from simpgan.components.export_model.formats import FORMATS, OPSET, Format, Run
from simpgan.components.export_model.network import FeatureNetwork, camera_numbers

CHECKED = (1, 7, 100)
"""Numbers of images that are computed with torch and with what was written."""

AGREEMENT = 1e-4
"""Largest allowed difference of a number of a feature of length 1."""

STEPS = 0.01
"""Largest allowed share of a translation's values that differ by one step."""

CPU = torch.device("cpu")


def export_model(folder: Path, name: str, out: Path) -> dict[str, Any]:
    """Write the model in `folder` to `out`, in a format of `FORMATS`, with model.json beside it.

    The features of generated images are computed with both, for batches of several sizes and for all cameras.

    Args:
        folder: folder of an adaptation or of a classifier.
        name: name of the format.
        out: folder to write to.

    Returns:
        the content of model.json.

    Raises:
        UserError: there is no model in `folder`, packages are missing, or what was written computes other features;
            then `out` is as before.
    """
    chosen = FORMATS[name]
    refuse_missing(chosen, name)
    adaptation = load_model(folder)
    network = FeatureNetwork(adaptation)
    cameras = camera_numbers(adaptation.statistics)
    described = {"format": name, **describe(adaptation, cameras), "versions": versions(chosen)}
    if name == "onnx":
        described["opset"] = OPSET
    example = {each: torch.from_numpy(value) for each, value in generated(2, adaptation.size, cameras).items()}
    out.mkdir(parents=True, exist_ok=True)
    with storage.beside(out / chosen.file) as partial:
        chosen.write(network, example, partial, json.dumps(described))
        check = compare(adaptation, chosen.load(partial), cameras)
        if not check["largest_difference"] <= AGREEMENT:
            raise UserError(
                f"the {name} of '{folder}' computes other features than torch (they differ by "
                f"{check['largest_difference']:.2g}): nothing was written; try another format, or other versions of "
                + " and ".join(("torch", *chosen.packages))
            )
        with partial.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        described["file"] = {"name": chosen.file, "bytes": partial.stat().st_size, "sha256": digest}
    described["check"] = check
    storage.write_bytes(str(out / "model.json"), (json.dumps(described, indent=2) + "\n").encode())
    return described


def refuse_missing(chosen: Format, name: str) -> None:
    """Raise UserError if a package that the format needs is not installed."""
    if missing := [package for package in chosen.packages if find_spec(package) is None]:
        raise UserError(f"{name} needs {' and '.join(missing)}: pip install 'simpgan[export]'")


def load_model(folder: Path) -> Adaptation:
    """Load an adaptation, or a classifier as it was trained, in float32.

    Raises:
        UserError: the folder holds neither, a file has changed, or the features of several classifiers are joined.
    """
    if (folder / DESCRIPTION).is_file() or not (folder / "config.json").is_file():
        if verify(folder).joins:
            raise UserError(
                f"the model in '{folder}' joins the features of several classifiers, and one network is exported: "
                "export each classifier by itself"
            )
        return load_adaptation(folder, CPU, "fp32")
    classifier, config = load_classifier(folder)
    description = Description(
        method="direct",
        source=config["source"],
        target="",
        protocol=config["protocol"],
        fold=0,
        variant="",
        seed=config.get("adaptation", config["settings"])["seed"],
        order_seed=0,
        batch=1,
        digests={"classifier": model_digest(folder), **config["inputs"]},
        files={},
    )
    return Adaptation(description, classifier.eval(), None, "fp32")


def describe(adaptation: Adaptation, cameras: Mapping[str, int]) -> dict[str, Any]:
    """Return what a user of the exported model has to know, as JSON types.

    Args:
        adaptation: the model.
        cameras: number of each camera; empty: it has no statistics per camera.
    """
    height, width = adaptation.size
    images = {
        "name": "images",
        "type": "uint8",
        "shape": ["batch", height, width, 3],
        "meaning": "RGB, 0 to 255, upright, resized by bilinear interpolation with antialiasing, as Pillow's BILINEAR",
    }
    camera = {
        "name": "camera",
        "type": "int64",
        "shape": ["batch"],
        "meaning": "camera of each image by its number in `cameras`; 0: the statistics of the whole set",
    }
    features = {
        "name": "features",
        "type": "float32",
        "shape": ["batch", adaptation.dimensions],
        "meaning": "of length 1: the similarity of two images is the sum of products, -1 to 1",
    }
    translated = {**images, "name": "translated", "meaning": "the translated images, RGB, 0 to 255"}
    return {
        "model": adaptation.description.model_dump(exclude={"files"}),
        "inputs": [images, camera] if cameras else [images],
        "outputs": [features, translated] if adaptation.translator else [features],
        "cameras": dict(cameras),
    }


def versions(chosen: Format) -> dict[str, str]:
    """Return the versions of the packages that write and check a format."""
    return {package: metadata.version(package) for package in ("simpgan", "torch", *chosen.packages)}


def compare(adaptation: Adaptation, run: Run, cameras: Mapping[str, int]) -> dict[str, Any]:
    """Compare what was written with the model.

    A translation is rounded to 8 bits, where the last digit of a runtime decides between two values. So it may differ
    by one step in a few places, and the features are compared for the translation that was written.

    Args:
        adaptation: the model, in float32.
        run: computes what was written.
        cameras: as for `describe`. All of them are checked, and images of an unknown camera.

    Returns:
        batches (numbers of images), largest_difference (of a number of a feature; NaN for NaN), and with a translator
            translated_otherwise (share, 0..1, of the values that differ by one step).

    Raises:
        UserError: what was written cannot compute so many images, or translates them otherwise.
    """
    names = {number: camera for camera, number in cameras.items() if number}
    batches = [(count, 0) for count in CHECKED] + [(CHECKED[-1], first) for first in range(100, len(names) + 1, 100)]
    differences, otherwise = [], []
    for count, first in batches:
        inputs = generated(count, adaptation.size, cameras, first)
        seen_by = [names.get(int(number)) for number in inputs.get("camera", np.zeros(count))]
        try:
            found = run(inputs)
        except Exception as failure:  # of a runtime, each of which has its own
            reason = str(failure).splitlines()[0]
            raise UserError(f"what was written cannot compute {count} images: {reason}") from failure
        images, looking = torch.from_numpy(inputs["images"]).permute(0, 3, 1, 2), adaptation
        if adaptation.translating:
            otherwise.append(share_of_steps(adaptation.translating, images, found["translated"]))
            images = torch.from_numpy(found["translated"]).permute(0, 3, 1, 2)
            looking = replace(adaptation, translator=None)
        expected = looking.features(images, cameras=seen_by)
        if found["features"].shape != expected.shape:
            raise UserError(f"what was written computes {found['features'].shape} features of {expected.shape}")
        differences.append(np.abs(found["features"] - expected).max())
    said = {"batches": list(CHECKED), "largest_difference": float(np.max(differences))}
    return {**said, "translated_otherwise": float(np.max(otherwise))} if otherwise else said


def share_of_steps(translating: Inference, images: torch.Tensor, found: NDArray[np.uint8]) -> float:
    """Return the share of values of a translation `found` [N, H, W, 3] that are one step from what torch computes.

    Raises:
        UserError: it is another translation.
    """
    expected = to_uint8(translating(to_unit_range(images))).permute(0, 2, 3, 1).numpy()
    steps = np.abs(expected.astype(np.int16) - found)
    share = float((steps > 0).mean())
    if steps.max() > 1 or share > STEPS:
        raise UserError(f"what was written translates otherwise than torch: {share:.1%} of the values differ")
    return share


def generated(count: int, size: tuple[int, int], cameras: Mapping[str, int], first: int = 0) -> dict[str, Any]:
    """Return inputs for a check: pictures of a few colours with noise, and cameras in turn.

    Args:
        count: number of images.
        size: height and width.
        cameras: as for `describe`.
        first: number of cameras to leave out; they are counted from the last one.
    """
    random = np.random.default_rng(count)
    coarse = random.integers(0, 256, (count, 8, 4, 3), dtype=np.uint8)
    pictures = np.stack([resize_image(Image.fromarray(each), *size).transpose(1, 2, 0) for each in coarse])
    noisy = pictures + random.normal(0, 12, pictures.shape)
    inputs: dict[str, Any] = {"images": noisy.round().clip(0, 255).astype(np.uint8)}
    if cameras:
        last = max(cameras.values())
        inputs["camera"] = last - np.arange(first, first + count) % (last + 1)
    return inputs


def example(described: Mapping[str, Any], out: Path) -> str:
    """Return Python that computes the features of an image with an exported model, and needs only its runtime."""
    chosen = FORMATS[described["format"]]
    _, height, width, _ = described["inputs"][0]["shape"]
    return chosen.example.format(
        file=out / chosen.file,
        size=(width, height),
        camera=chosen.example_camera if described["cameras"] else "",
        first="[0]" if len(described["outputs"]) > 1 else "",
    )
