"""Two base images where no image registry can be reached: Debian with Python, and the same with torch.

They stand for those that images/Dockerfile takes by default. Debian comes from its own mirror by debootstrap; torch,
torchvision and what they need are those this program runs with, so nothing is downloaded twice. Needs root, debootstrap
and a Docker engine:

    python -m tests.containers.base_images
"""

import hashlib
import io
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

from simpgan.pipelines.images.wheels import closure

SLIM = "simpgan-test/slim:latest"
TORCH = "simpgan-test/torch:latest"
LABEL = "simpgan.content"

SUITE = "bookworm"
PYTHON = (3, 11)
"""The Python of Debian's SUITE: torch is compiled for one."""
PACKAGES = "python3,ca-certificates"
SITE_PACKAGES = "usr/local/lib/python3.11/dist-packages"
MEMORY = Path("/dev/shm")
"""dpkg waits for the disk after every file it writes: in memory it takes a minute less."""
NOT_IN_IMAGE = (
    "./dev/*",
    "./var/cache/*",
    "./var/lib/apt/lists/*",
    "./var/log/*",
    "./usr/share/doc/*",
    "./usr/share/man/*",
)
ONLY_FOR_GPUS = ("*/include/*", "nvidia/cudnn/lib/libcudnn_*", "triton/backends/nvidia/*")
"""A gigabyte that torch opens only where it finds a GPU."""


def build() -> None:
    """Make both images, unless the engine has them with the same content."""
    versions = {**closure("torch"), **closure("torchvision")}
    packages = sorted(f"{name}=={version}" for name, version in versions.items())
    recipe = [SUITE, PACKAGES, *NOT_IN_IMAGE, *ONLY_FOR_GPUS, *packages]
    content = hashlib.sha256("\n".join(recipe).encode()).hexdigest()
    if all(content_of(name) == content for name in (SLIM, TORCH)):
        return
    if sys.version_info[:2] != PYTHON:
        raise SystemExit(f"Debian {SUITE} has Python {PYTHON[0]}.{PYTHON[1]}: make the environment with that version")
    if not shutil.which("debootstrap"):
        raise SystemExit("debootstrap is missing: apt-get install debootstrap")
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        root = Path(folder) / "root"
        bootstrap = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root)]
        made = subprocess.run(bootstrap, capture_output=True, text=True, check=False)
        if made.returncode:
            raise SystemExit(f"debootstrap failed:\n{made.stdout[-2000:]}{made.stderr[-2000:]}")
        install(SLIM, content, root, [])
        install(TORCH, content, root, packages)


def content_of(image: str) -> str:
    """What the label of an image says its content is; empty if there is no such image."""
    format_ = f'{{{{index .Config.Labels "{LABEL}"}}}}'
    found = subprocess.run(
        ["docker", "image", "inspect", "--format", format_, image], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def files(packages: list[str]) -> Iterator[tuple[Path, str]]:
    """The files of installed packages: where they lie, and their path below `site-packages`."""
    site = Path(sysconfig.get_path("purelib"))
    for package in packages:
        for file in metadata.distribution(package.partition("==")[0]).files or ():
            inside = file.as_posix()
            if not inside.startswith("..") and not any(fnmatch(inside, pattern) for pattern in ONLY_FOR_GPUS):
                yield site / inside, inside


def install(image: str, content: str, root: Path, packages: list[str]) -> None:
    """Send a root file system with packages to the engine as an image of one layer."""
    label = f"LABEL {LABEL}={content}"
    with subprocess.Popen(
        ["docker", "import", "--change", label, "-", image], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as engine:
        assert isinstance(engine.stdin, io.BufferedWriter)
        with tarfile.open(fileobj=engine.stdin, mode="w|", bufsize=1 << 20) as archive:
            archive.add(root, ".", filter=wanted)
            for file, inside in files(packages):
                if file.is_file():
                    archive.add(file, f"./{SITE_PACKAGES}/{inside}", recursive=False, filter=of_root)
    if engine.returncode:
        raise SystemExit(f"the Docker engine did not take {image}")


def wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what an image has no use for."""
    return None if any(fnmatch(member.name, pattern) for pattern in NOT_IN_IMAGE) else member


def of_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Installed files belong to root, whoever installed them here."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


if __name__ == "__main__":
    build()
