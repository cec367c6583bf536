"""Generated cameras that keep sending pictures."""

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.shards import write_shards
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.model_folder import save_model
from simpgan.components.ingest.layouts.base import role
from simpgan.pipelines.demo_data.cameras import Camera, photograph, sample_box, source_cameras
from simpgan.pipelines.demo_data.drawing import Pose
from simpgan.pipelines.demo_data.people import sample_person

SIZE = 32, 64
A_PERSON = 2
"""Pictures that a camera takes of everybody who walks past."""

Taken = tuple[str, int, bytes]  # name, camera, JPEG


def walk_past(camera: Camera, images: int, seed: int) -> Iterator[Image.Image]:
    """Pictures of people whom nobody has seen before."""
    random = np.random.default_rng((seed, camera.number))
    for place in range(images):
        if place % A_PERSON == 0:
            person, facing = sample_person(random), random.uniform(0, 2 * np.pi)
        pose = Pose(facing + random.normal(0, 0.3), random.uniform(0, 2 * np.pi), 0.6)
        yield photograph(camera, person, pose, sample_box(random), SIZE, random)


def pictures(
    counts: Mapping[int, int],
    seed: int,
    change: Callable[[int, Image.Image], Image.Image] = lambda _, image: image,
) -> list[Taken]:
    """What the outdoor network's cameras take, `counts` of pictures by camera; names differ from seed to seed.

    Args:
        change: what is done to a camera's picture.
    """
    cameras = source_cameras(np.random.default_rng(0))
    taken = []
    for number, images in counts.items():
        for place, image in enumerate(walk_past(cameras[number - 1], images, seed)):
            encoded = io.BytesIO()
            change(number, image).save(encoded, "jpeg", quality=92)
            name = f"{seed}-c{number}-{place:04}.jpg"
            taken.append((name, number, encoded.getvalue()))
    return taken


def manifest_of(taken: list[Taken], folder: Path, data_root: str, dataset: str = "station") -> Path:
    """A manifest of unlabelled pictures in `folder`."""
    taken = sorted(taken)
    shards = write_shards(data_root, ((name, content) for name, _, content in taken)).table
    sizes = [Image.open(io.BytesIO(content)).size for _, _, content in taken]
    images = pd.DataFrame(
        {
            "name": [name for name, _, _ in taken],
            "shard": shards["shard"],
            "position": shards["position"],
            "sha256": shards["sha256"],
            "width": [width for width, _ in sizes],
            "height": [height for _, height in sizes],
            "person": None,
            "camera": [camera for _, camera, _ in taken],
            "time": None,
        }
    )
    Manifest(dataset, images, role("cameras", 0, "train", np.ones(len(images), bool))).save(folder)
    return folder


def classifier_in(folder: Path, **size: int) -> Path:
    """A classifier that knows nothing yet, but sees."""
    network = SiameseClassifier(
        ClassifierConfig(backbone="resnet18", identities=2, **{"height": 32, "width": 16, **size})
    )
    save_model(folder, {"classifier": network}, {"classifier": network.config.model_dump()})
    return folder
