"""A folder to try the documentation in: the repository, and small generated stand-ins for a reader's own data."""

import shutil
from collections.abc import Callable
from pathlib import Path

import torchvision
from PIL import Image, ImageOps
from safetensors.torch import save_file

from simpgan.pipelines.config import presets
from simpgan.pipelines.demo_data import generate
from tests.components.ingest.data_sets import GRID_FIELDS, files_of, partitions, write
from tests.docs.blocks import ROOT
from tests.servers.seaweedfs import S3

NOT_COPIED = (".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "*.egg-info", "build", "demo", "runs")
PRESET = Path(__file__).with_name("presets.yaml")
WEIGHTS = ("resnet50.safetensors", "resnet50-imagenet-v1.safetensors")


def make(folder: Path) -> None:
    """Fill `folder` with the repository and, under the names that the documentation uses, with stand-ins.

    The weights are those of the backbone in PRESET, which stands for all presets.
    """
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED), dirs_exist_ok=True)
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for made in ("bin/pip", "demo.installed"):  # what make looks for
        (folder / ".venv" / made).touch()
    (folder / "presets").mkdir()
    for name in presets.names():
        (folder / "presets" / f"{name}.yaml").write_text(f"extends: {PRESET}\n")
    source, target = generate(folder, 0, source_identities=8, target_identities=8)
    source.rename(folder / "Market-1501-v15.09.15")
    one_fold = partitions([([1, 2, 3, 4], [5, 6, 7, 8])], GRID_FIELDS)  # of ten, all of which would be evaluated
    (target / "features_and_partitions.mat").write_bytes(one_fold)
    write(files_of("cuhk01"), folder / "CUHK01")
    labelled_crops(folder / "Market-1501-v15.09.15", folder / "crops")
    images = sorted(target.glob("*/*.jpeg"))
    cameras(images, folder / "station", lambda image: image)
    cameras(images, folder / "station-today", ImageOps.mirror)
    shutil.copy(images[0], folder / "somebody.jpg")
    for name in WEIGHTS:
        save_file(torchvision.models.resnet18().state_dict(), folder / name)


def labelled_crops(market: Path, folder: Path) -> None:
    """Write images of Market-1501 as those of people whom a reader has labelled: PERSON/CAMERA/ANYTHING.jpg.

    Beside the folder, people.csv lists them.
    """
    rows = ["path,person,camera"]
    for path in sorted(market.glob("*/[0-9]*_c*.jpg")):
        person, camera = path.name[:4], path.name[6]
        if person != "0000":
            own = folder / f"person {person}" / f"camera {camera}"
            own.mkdir(parents=True, exist_ok=True)
            with Image.open(path) as image:
                ImageOps.mirror(image).save(own / path.name)
            rows.append(f"{folder.name}/{own.parent.name}/{own.name}/{path.name},{own.parent.name},{own.name}")
    (folder.parent / "people.csv").write_text("\n".join(rows) + "\n")


def cameras(images: list[Path], folder: Path, seen: Callable[[Image.Image], Image.Image]) -> None:
    """Write images of GRID as those of unlabelled cameras, a folder a camera."""
    for path in images:
        camera = folder / f"camera {path.name.split('_')[1]}"
        camera.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            seen(image).save(camera / f"{path.stem}.jpg")


def fill_bucket(folder: Path, s3: S3) -> None:
    """Put the data sets in `folder` into the bucket `cameras`."""
    s3.bucket("cameras")
    for name in ("Market-1501-v15.09.15", "underground_reid", "station"):
        for path in (folder / name).rglob("*"):
            if path.is_file():
                s3.client().upload_file(str(path), "cameras", str(path.relative_to(folder)))
