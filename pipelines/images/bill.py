"""Bills of materials: every Python and Debian package of an image, as CycloneDX JSON."""

import json
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from simpgan.pipelines.images.docker_command import run

TELL_PACKAGES = """
import json
from importlib.metadata import distributions

found = {}
for package in distributions():  # Python imports the first one of a name
    about = package.metadata
    found.setdefault(about["Name"], [package.version, about["License-Expression"] or about["License"] or ""])
print(json.dumps(found))
"""
TELL_DEBIAN = r"""
command -v dpkg-query >/dev/null || exit 0
. /etc/os-release
dpkg-query --show --showformat "$ID \${Package} \${Version} \${Architecture}\n"
"""


def write_bill(image: str, folder: Path) -> Path:
    """Write the bill of materials of an image into `folder` and return its path.

    Raises:
        UserError: There is no such image.
    """
    bill = Bom(components=[*python_packages(image), *debian_packages(image)])
    name, _, version = image.rpartition(":")
    bill.metadata.component = Component(name=name, version=version, type=ComponentType.CONTAINER)
    bill.register_dependency(bill.metadata.component, bill.components)
    path = folder / f"{name.rpartition('/')[2]}.cdx.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(JsonV1Dot6(bill).output_as_string(indent=2) + "\n")
    return path


def python_packages(image: str) -> list[Component]:
    """List the Python packages of an image."""
    packages: dict[str, tuple[str, str]] = json.loads(run(image, "python3", "-c", TELL_PACKAGES))
    return [
        Component(
            name=name,
            version=version,
            purl=PackageURL("pypi", name=name.lower(), version=version),
            licenses=[DisjunctiveLicense(name=licence.splitlines()[0])] if licence.strip() else [],
        )
        for name, (version, licence) in packages.items()
    ]


def debian_packages(image: str) -> list[Component]:
    """List the Debian or Ubuntu packages of an image; empty without a package manager."""
    lines = run(image, "sh", "-c", TELL_DEBIAN).splitlines()
    return [
        Component(
            name=name,
            version=version,
            purl=PackageURL("deb", distribution, name, version, {"arch": architecture}),
        )
        for distribution, name, version, architecture in map(str.split, lines)
    ]
