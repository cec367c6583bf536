"""The generated source network, in the layout of Market-1501.

bounding_box_train, query and bounding_box_test hold `PPPP_cCsS_FFFFFF_BB.jpg`: person, camera, sequence, frame, box.
bounding_box_test also has junk, which are boxes too bad to count (`-1_...`), and distractors, which are boxes around
empty places or around people who are not in the data set (`0000_...`). As in the original, each folder has a Thumbs.db.
"""

from pathlib import Path

import numpy as np

from simpgan.pipelines.demo_data.cameras import Camera, photograph, sample_box, source_cameras
from simpgan.pipelines.demo_data.drawing import Pose
from simpgan.pipelines.demo_data.people import Person, sample_person

SIZE = 64, 128
IMAGES_PER_CAMERA = 2
THUMBNAIL_CACHE = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504)  # the header of Windows' thumbnail cache


def write(folder: Path, seed: np.random.SeedSequence, train_identities: int) -> None:
    """Write the network: `train_identities` people to train on and a third as many to test on."""
    layout, *walks = seed.spawn(1 + 2 * train_identities + max(2, train_identities // 3))
    random = np.random.default_rng(layout)
    cameras = source_cameras(random)
    identities = len(walks) - train_identities
    tested = set((1 + random.permutation(identities)[: identities - train_identities]).tolist())
    for part in ("bounding_box_train", "query", "bounding_box_test"):
        (folder / part).mkdir(parents=True)
        (folder / part / "Thumbs.db").write_bytes(THUMBNAIL_CACHE)
    for number, walk in enumerate(walks, start=1):
        if number <= identities:
            _walk(folder, number, number in tested, cameras, np.random.default_rng(walk))
        else:
            _distract(folder, number, cameras, np.random.default_rng(walk))


def _walk(folder: Path, number: int, tested: bool, cameras: list[Camera], random: np.random.Generator) -> None:
    """Let one person walk past three to five of the cameras; each takes several images in a row."""
    person = sample_person(random)
    passed = random.choice(len(cameras), size=random.integers(3, 6), replace=False)
    for stage, index in enumerate(passed):
        facing, phase, stride = *random.uniform(0, 2 * np.pi, 2), random.uniform(0.2, 1.0)
        for box in range(IMAGES_PER_CAMERA):
            pose = Pose(facing + random.normal(0, 0.3), phase + 1.3 * box, stride)
            occluder = sample_person(random) if random.random() < 0.08 else None
            frame = 100 * number + 15 * stage + 6 * box
            in_query = tested and box == 0
            part = "query" if in_query else "bounding_box_test" if tested else "bounding_box_train"
            name = f"{number:04d}_{_place(cameras[index], number)}_{frame:06d}_{0 if in_query else box + 1:02d}.jpg"
            _save(folder / part / name, cameras[index], person, pose, 1.0, random, occluder)
        if tested and random.random() < 0.25:
            name = f"-1_{_place(cameras[index], number)}_{100 * number + 15 * stage + 13:06d}_01.jpg"
            _save(folder / "bounding_box_test" / name, cameras[index], person, pose, 6.0, random)


def _distract(folder: Path, number: int, cameras: list[Camera], random: np.random.Generator) -> None:
    """Write a box around an empty place, or around a person who passes only once."""
    camera = cameras[random.integers(len(cameras))]
    person: Person | None = sample_person(random) if random.random() < 0.6 else None
    pose = Pose(random.uniform(0, 2 * np.pi), random.uniform(0, 2 * np.pi), random.uniform(0.2, 1.0))
    name = f"0000_{_place(camera, number)}_{100 * number:06d}_01.jpg"
    _save(folder / "bounding_box_test" / name, camera, person, pose, 3.0, random)


def _place(camera: Camera, number: int) -> str:
    return f"c{camera.number}s{1 + number % 2}"


def _save(
    path: Path,
    camera: Camera,
    person: Person | None,
    pose: Pose,
    sloppiness: float,
    random: np.random.Generator,
    occluder: Person | None = None,
) -> None:
    picture = photograph(camera, person, pose, sample_box(random, sloppiness), SIZE, random, occluder)
    picture.save(path, quality=92)
