"""Build the images of the stages and of the search service."""

import io
import re
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from simpgan.components.core.errors import UserError
from simpgan.components.core.images import image, name_of
from simpgan.pipelines.config.profiles import STAGES
from simpgan.pipelines.images.docker_command import docker, exists, run
from simpgan.pipelines.images.wheels import DOCKERFILE, ROOT, Python, image_of_wheels, readable
from simpgan.pipelines.runner.docker_engine import connect

IMAGES = sorted([*STAGES, "search"])
"""Folders of components that have an image: the stages, and the search with its service."""

CODE = ("*.py", "*.j2", "*.yaml", "*.json", "*.csv")
"""The files of the code. No other files in its folders get into an image."""
TARGET = re.compile(r"^FROM \S+ AS (\S+)$", re.MULTILINE)
DEFAULT = re.compile(r"^ARG (\w+)=(\S+)$", re.MULTILINE)

FIND_TORCH = "from importlib.util import find_spec; print('torch' if find_spec('torch') else '')"


@dataclass(frozen=True)
class Bases:
    """The base images of the stages, with and without torch."""

    torch: str
    slim: str

    @classmethod
    def given(cls, torch: str = "", slim: str = "") -> "Bases":
        """Return the images given; by default those of the Dockerfile."""
        defaults = dict(DEFAULT.findall(DOCKERFILE.read_text()))
        return cls(torch or defaults["BASE_IMAGE"], slim or defaults["SLIM_IMAGE"])

    def without_digest(self) -> list[str]:
        """List the images that are not pinned by a digest."""
        return [name for name in (self.torch, self.slim) if "@sha256:" not in name]

    def python(self) -> Python:
        """Return the Python of both images. Missing images are pulled.

        Raises:
            UserError: An image cannot be pulled or has no Python, their versions differ, or torch is missing.
        """
        for name in (self.torch, self.slim):
            if not exists(name):
                failed = f"the base image {name} is not on this machine and cannot be pulled"
                docker("pull", name, failed=failed, do="give another with --base-image and --slim-image")
        torch, slim = Python.of(self.torch), Python.of(self.slim)
        if torch.version != slim.version:
            raise UserError(
                f"{self.torch} has Python {torch.version}, {self.slim} has {slim.version}: choose two with the same"
            )
        if not run(self.torch, "python3", "-c", FIND_TORCH).strip():
            raise UserError(f"{self.torch} has no torch: give an image with torch as --base-image")
        return min(torch, slim, key=lambda python: int(python.libc.split(".")[1]))


def in_order(stages: Iterable[str]) -> list[str]:
    """Sort the stages as in the Dockerfile, since the classic builder builds all targets before the one asked for.

    Raises:
        UserError: A stage has no target.
    """
    targets = TARGET.findall(DOCKERFILE.read_text())
    if missing := [stage for stage in stages if name_of(stage) not in targets]:
        raise UserError(f"images/Dockerfile has no target {name_of(missing[0])}: add one, as its end says")
    return sorted(stages, key=lambda stage: targets.index(name_of(stage)))


def build(stage: str, bases: Bases, wheels: str, root: Path = ROOT, tag: str = "latest") -> str:
    """Build the image of one stage and return its name.

    Args:
        stage: Name of the stage.
        bases: The base images.
        wheels: The image of the packages.
        root: Folder of the code.
        tag: Tag of the image.

    Raises:
        UserError: The build fails.
    """
    name = f"{image(stage).removesuffix(':latest')}:{tag}"
    commit = commit_of(stage, root)
    arguments = {"BASE_IMAGE": bases.torch, "SLIM_IMAGE": bases.slim, "WHEELS": wheels, "SIMPGAN_COMMIT": commit}
    labels = {"title": name.partition(":")[0], "revision": commit}
    options = [
        *(f"--build-arg={key}={value}" for key, value in arguments.items()),
        *(f"--label=org.opencontainers.image.{key}={value}" for key, value in labels.items()),
    ]
    failed = f"the image of {stage} cannot be built"
    command = [
        "build",
        "--network",
        "none",
        "--target",
        name_of(stage),
        "--tag",
        name,
        "--file",
        "Dockerfile",
        *options,
        "-",
    ]
    docker(*command, input=context(root), failed=failed, do="see images/README.md")
    return name


def context(root: Path = ROOT) -> bytes:
    """Return the build context: a tar archive of Dockerfile and code that depends only on their content."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(DOCKERFILE, "Dockerfile", filter=readable)
        tar.add(root / "simpgan" / "__init__.py", "simpgan/__init__.py", filter=readable)
        for path in sorted(path for pattern in CODE for path in (root / "components").rglob(pattern)):
            tar.add(path, path.relative_to(root).as_posix(), filter=readable)
    return archive.getvalue()


def commit_of(stage: str, root: Path = ROOT) -> str:
    """Return the last commit that changed a file of the image. Other commits keep the image and its digest.

    The commit ends with `-dirty` if a file of the image has changed since; it is `unknown` without a repository.
    """
    inside = [
        "simpgan/__init__.py",
        "components/__init__.py",
        "components/core",
        f"components/{stage}",
        "images/Dockerfile",
        "constraints.txt",
    ]
    try:
        commit = git(root, "log", "-1", "--abbrev=12", "--format=%h", "--", *inside)
        return f"{commit}-dirty" if git(root, "status", "--porcelain", "--", *inside) else commit or "unknown"
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def git(folder: Path, *arguments: str) -> str:
    """Return the output of a git command in a folder."""
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def build_all(stages: Iterable[str], bases: Bases) -> Iterator[str]:
    """Build the images of the stages, and yield the name of each when it is built.

    Raises:
        UserError: The engine, a base image or a package is missing, or a build fails.
    """
    ordered = in_order(stages)
    with closing(connect()):
        pass
    wheels = image_of_wheels(bases.python())
    for stage in ordered:
        yield build(stage, bases, wheels)
