"""The packages of the images: wheels for the image's Python, downloaded on this machine, as an image for the build.

pip runs on this machine with its settings, such as a mirror, a password or a certificate. The build needs no such
settings, so none can remain in an image.
"""

import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from simpgan.components.core.errors import UserError
from simpgan.pipelines.images.docker_command import docker, exists, run

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "images" / "Dockerfile"
CONSTRAINTS = ROOT / "constraints.txt"
IN_BASE_IMAGE = {"torch", "torchvision"}
EVERY_STAGE = "stage"
"""The extra that every image installs, in addition to the dependencies of the project."""
RUNTIME = "kfp"
"""The package that runs a component in its container. It is installed without its dependencies, as kfp does."""
TELL_PYTHON = (
    "import json, platform, sys; print(json.dumps([sys.version_info[:2], platform.machine(), platform.libc_ver()[1]]))"
)


@dataclass(frozen=True)
class Python:
    """The platform of the wheels: versions of Python and of the C library, and the processor."""

    version: str
    machine: str
    libc: str

    @classmethod
    def of(cls, image: str) -> "Python":
        """Return the platform of an image."""
        (major, minor), machine, libc = json.loads(run(image, "python3", "-c", TELL_PYTHON))
        return cls(f"{major}.{minor}", machine, libc)

    def platforms(self) -> list[str]:
        """List the tags of the wheels that run on this platform, in the order of PEP 600."""
        newest = int(self.libc.split(".")[1])
        modern = [f"manylinux_2_{minor}_{self.machine}" for minor in range(newest, 4, -1)]
        return [*modern, *(f"manylinux{year}_{self.machine}" for year in (2014, 2010, 1))]


def requirements() -> dict[str, list[str]]:
    """Return the requirements of each environment in the Dockerfile, by the name of its extra in pyproject.toml.

    Raises:
        UserError: The Dockerfile installs an extra that pyproject.toml does not have.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = set(re.findall(r"/wheels/(\w+)\.txt", DOCKERFILE.read_text())) - {"constraints"}
    if unknown := sorted(named - set(extras)):
        raise UserError(f"{DOCKERFILE} installs '{unknown[0]}', not an extra in pyproject.toml: correct its name")
    own = {name: [line for line in extras[name] if name_of(line) != project["name"]] for name in sorted(named)}
    return {**own, EVERY_STAGE: [*project["dependencies"], *own[EVERY_STAGE]]}


def name_of(requirement: str) -> str:
    """Return the package name of a requirement."""
    return Requirement(requirement).name


def versions(requirements: Iterable[str]) -> list[str]:
    """List the pinned versions of all packages that the requirements need, except those of the base image.

    The list has no other packages, so that a new tool for tests does not change the images.
    """
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    needed = {canonicalize_name(name) for requirement in requirements for name in closure(requirement)}
    return [line for line in lines if canonicalize_name(name_of(line)) in {*needed, RUNTIME} - IN_BASE_IMAGE]


def closure(requirement: str) -> dict[str, str]:
    """Return the installed versions of a package and of its dependencies, by name."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    waiting = [requirement]
    while waiting:
        text = waiting.pop()
        if text in seen:
            continue
        seen.add(text)
        wanted = Requirement(text)
        package = metadata.distribution(wanted.name)
        found[package.metadata["Name"]] = package.version
        for line in package.requires or ():
            marker = Requirement(line).marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in (*wanted.extras, "")):
                waiting.append(line)
    return found


def image_of_wheels(python: Python) -> str:
    """Return the image of the wheels, and create it unless the engine has it. Its tag is a digest of its inputs.

    Raises:
        UserError: pip cannot download a package, or the engine refuses the image.
    """
    texts = {f"{name}.txt": lines for name, lines in requirements().items()}
    texts["constraints.txt"] = versions(line for lines in texts.values() for line in lines)
    content = json.dumps([texts, astuple(python)], sort_keys=True)
    image = f"simpgan/wheels:{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    if not exists(image):
        with tempfile.TemporaryDirectory() as folder:
            fetch(texts, python, Path(folder))
            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w") as tar:
                tar.add(folder, ".", filter=readable)
            failed = "the Docker engine refused the packages"
            docker("import", "-", image, input=archive.getvalue(), failed=failed, do="is its disk full?")
    return image


def fetch(texts: Mapping[str, list[str]], python: Python, folder: Path) -> None:
    """Write the lists of requirements and their wheels into `folder`."""
    for name, lines in texts.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    download([*texts["constraints.txt"], "pip"], python, folder)
    next(folder.glob("pip-*.whl")).rename(folder / "pip.zip")


def download(what: list[str], python: Python, folder: Path) -> None:
    """Download wheels with pip.

    Raises:
        UserError: pip fails.
    """
    fitting = ["--only-binary=:all:", "--python-version", python.version, "--implementation", "cp"]
    for platform in python.platforms():
        fitting += ["--platform", platform]
    options = ["--quiet", "--disable-pip-version-check", "--dest", str(folder), "--no-deps"]
    pip = [sys.executable, "-m", "pip", "download", *options, *fitting, *what]
    ran = subprocess.run(pip, capture_output=True, text=True, check=False)
    if ran.returncode:
        lines = ran.stderr.strip().splitlines() or ["pip failed"]
        errors = [line for line in lines if line.startswith("ERROR:") and line != "ERROR: Exception:"]
        reason = (errors or lines)[-1].removeprefix("ERROR: ")  # the last line of a traceback is the error
        raise UserError(f"packages of the images for Python {python.version}: {reason}: does pip reach its index?")


def readable(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return the member readable for all users, and independent of its owner and time."""
    member.mode = 0o755 if member.isdir() else 0o644
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member
