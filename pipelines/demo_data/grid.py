"""The generated target network, in the layout of GRID (QMUL underground re-identification).

The folders probe and gallery hold one image of every person, `PPPP_CAM_FRAME_X_Y_W_H.jpeg`: person, camera, frame, and
the box in the frame, which has the size of the file's image. The gallery also has distractors, which are people without
a probe (`0000_...`). features_and_partitions.mat splits the people into halves for training and testing, ten times at
random; it lists the images of each half as 1-based positions among the sorted names.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from simpgan.pipelines.demo_data.cameras import Camera, photograph, sample_box, target_cameras
from simpgan.pipelines.demo_data.drawing import Pose
from simpgan.pipelines.demo_data.people import Person, sample_person

FOLDS = 10
DISTRACTORS_PER_IDENTITY = 5 / 6
CAMERA_PAIRS = ((1, 2), (4, 5), (5, 6))  # (camera of the probe, camera of the gallery image)
FRAME_WIDTH, FRAME_HEIGHT = 384, 400
DETAIL = 0.55  # share of the pixels in each direction that an interlaced image resolves
MAT_HEADER = b"MATLAB 5.0 MAT-file, generated demo data".ljust(116)


def write(folder: Path, seed: np.random.SeedSequence, identities: int) -> None:
    """Write the network: `identities` people with one probe and one gallery image each, and some distractors."""
    layout, *walks = seed.spawn(1 + identities + round(identities * DISTRACTORS_PER_IDENTITY))
    random = np.random.default_rng(layout)
    cameras = {camera.number: camera for camera in target_cameras(random)}
    for part in ("probe", "gallery"):
        (folder / part).mkdir(parents=True)
    for number, walk in enumerate(walks, start=1):
        if number <= identities:
            _walk(folder, number, cameras, np.random.default_rng(walk))
        else:
            _distract(folder, number, cameras, np.random.default_rng(walk))
    _write_partitions(folder, identities, random)


def _walk(folder: Path, number: int, cameras: dict[int, Camera], random: np.random.Generator) -> None:
    """Let one person pass the two cameras of a pair, which see the person from different sides."""
    person = sample_person(random)
    first, second = CAMERA_PAIRS[random.integers(len(CAMERA_PAIRS))]
    frame, facing = 25000 + 40 * number, random.uniform(0, 2 * np.pi)
    _save(folder / "probe", number, cameras[first], frame, person, facing, random)
    _save(folder / "gallery", number, cameras[second], frame + 25, person, facing + random.normal(0.6, 0.5), random)


def _distract(folder: Path, number: int, cameras: dict[int, Camera], random: np.random.Generator) -> None:
    camera = cameras[int(random.integers(1, len(cameras) + 1))]
    _save(
        folder / "gallery", 0, camera, 25000 + 40 * number, sample_person(random), random.uniform(0, 2 * np.pi), random
    )


def _save(
    folder: Path, number: int, camera: Camera, frame: int, person: Person, facing: float, random: np.random.Generator
) -> None:
    height = int(np.clip(random.normal(228, 35), 130, 330))
    width = int(height * random.uniform(0.44, 0.53))
    x, y = int(random.integers(0, FRAME_WIDTH - width)), int(random.integers(0, FRAME_HEIGHT - height))
    pose = Pose(facing, random.uniform(0, 2 * np.pi), random.uniform(0.2, 0.9))
    occluder = sample_person(random) if random.random() < 0.08 else None
    resolved = round(width * DETAIL), round(height * DETAIL)
    picture = photograph(camera, person, pose, sample_box(random), resolved, random, occluder)
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    picture.save(folder / f"{number:04d}_{camera.number}_{frame}_{x}_{y}_{width}_{height}.jpeg", quality=88)


def _write_partitions(folder: Path, identities: int, random: np.random.Generator) -> None:
    people = np.arange(1, identities + 1)
    probes = _people_in(folder / "probe")
    gallery = _people_in(folder / "gallery")

    def partition(chosen: np.ndarray, distractors: bool) -> np.ndarray:
        struct = np.empty((1, 1), dtype=[(field, object) for field in ("probeImIdx", "galleryImIdx", "personIdx")])
        in_gallery = np.isin(gallery, chosen) | (distractors & (gallery == 0))
        struct[0, 0] = (
            1 + np.flatnonzero(np.isin(probes, chosen))[None],
            1 + np.flatnonzero(in_gallery)[None],
            np.sort(chosen)[None],
        )
        return struct

    train, test = np.empty((1, FOLDS), dtype=object), np.empty((1, FOLDS), dtype=object)
    for fold in range(FOLDS):
        held_out, trained_on = np.split(random.permutation(people), [identities // 2])
        train[0, fold] = partition(trained_on, distractors=False)
        test[0, fold] = partition(held_out, distractors=True)
    written = io.BytesIO()
    savemat(written, {"trainIdxAll": train, "testIdxAll": test})
    # scipy writes the time into the first 116 bytes, but the same seed should give the same file.
    (folder / "features_and_partitions.mat").write_bytes(MAT_HEADER + written.getvalue()[len(MAT_HEADER) :])


def _people_in(folder: Path) -> np.ndarray:
    return np.array([int(path.name[:4]) for path in sorted(folder.iterdir())])
