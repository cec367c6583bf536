"""What is in the images of the stages: what they need, and nothing that others should not see."""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from simpgan.pipelines.images.bill import write_bill
from simpgan.pipelines.images.build import IMAGES
from simpgan.pipelines.images.wheels import closure, requirements
from tests.containers.running import output

pytestmark = pytest.mark.docker
SLIM = ("champion", "finish", "ingest", "summarise", "watch")
OF_EXTRA = {
    "ingest": (),
    "evaluate": ("train", "evaluate"),
    "self_train": ("train", "evaluate"),
    "search": ("train", "serve", "faiss"),
    "umdl": ("train", "umdl"),
    "train_gan": ("train",),
}
"""The extras in pyproject.toml that the images of these stages hold, besides what all of them do."""
PROGRAM = """
import json, os, shutil, sys
from importlib import import_module
from importlib.metadata import distributions
from pathlib import Path

for stage in sys.argv[1:]:
    import_module("simpgan.components." + ("search.serve.server" if stage == "search" else f"{stage}.stage"))
content = {
    "user": os.getuid(),
    "commit": os.environ.get("SIMPGAN_COMMIT", "unknown"),
    "packages": [package.name for package in distributions()],
    "components": [path.name for path in Path("/app/simpgan/components").glob("*/")],
    "compilers": [name for name in ("cc", "gcc", "g++", "make", "ld") if shutil.which(name)],
    "programs": [path.name for path in Path("/opt/simpgan/bin").glob("*")],
    "leftovers": [path for path in ("/wheels", "/opt/more") if Path(path).exists()],
}
print(json.dumps(content))
"""


@cache
def content(image: str, *stages: str) -> dict[str, Any]:
    """What an image holds, asked once in a container that also imports the modules of the stages."""
    return json.loads(output(image, "python3", "-c", PROGRAM, *stages))


def packages(image: str, *stages: str) -> set[str]:
    """The Python packages in an image."""
    return set(map(canonicalize_name, content(image, *stages)["packages"]))


def asked_for(*extras: str) -> set[str]:
    """The Python packages that the project's dependencies and these extras lead to."""
    wanted = requirements()
    lines = [line for extra in ("stage", *extras) for line in wanted[extra]]
    return {canonicalize_name(name) for line in lines for name in closure(line)} | {"kfp"}


@pytest.mark.parametrize("stage", IMAGES)
def test_a_stage_starts_as_nobody_with_nothing_to_write_to(stage_images, stage):
    there = content(stage_images[stage], stage)
    assert there["user"] == 10001
    assert there["commit"] != "unknown"


@pytest.mark.parametrize("stage", IMAGES)
def test_an_image_holds_no_other_stage(stage_images, stage):
    assert sorted(content(stage_images[stage], stage)["components"]) == sorted(["core", stage])


@pytest.mark.parametrize("stage", OF_EXTRA)
def test_an_image_holds_the_packages_of_its_extras_and_no_others(stage_images, bases, stage):
    base = packages(bases.slim if stage in SLIM else bases.torch)
    assert packages(stage_images[stage], stage) - base == asked_for(*OF_EXTRA[stage]) - base


@pytest.mark.parametrize("stage", SLIM)
def test_stages_that_run_no_network_have_no_torch(stage_images, stage):
    assert "torch" not in packages(stage_images[stage], stage)


@pytest.mark.parametrize("stage", IMAGES)
def test_an_image_has_no_compiler_and_adds_no_installer(stage_images, stage):
    there = content(stage_images[stage], stage)
    assert "python3" in there["programs"]
    assert not {"pip", "pip3"} & set(there["programs"])
    assert there["compilers"] == []
    assert there["leftovers"] == []


def settings_of_pip() -> Iterator[str]:
    """What this machine's pip is told that an image should not tell on: addresses, files, passwords."""
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    for line in told.stdout.splitlines():
        for value in line.partition("=")[2].strip("'\"").split():
            if "/" in value:
                yield value


@pytest.mark.parametrize("stage", IMAGES)
def test_an_image_tells_nothing_of_the_machine_that_built_it(stage_images, stage):
    image = stage_images[stage]
    history = subprocess.run(
        ["docker", "history", "--no-trunc", "--format", "{{.CreatedBy}} {{.Comment}}", image],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    inspected = subprocess.run(["docker", "inspect", image], capture_output=True, text=True, check=True).stdout
    config = json.dumps([json.loads(inspected)[0][part] for part in ("Config", "ContainerConfig")])
    assert "COPY" in history
    for secret in ("PIP_", "pip install", "password", "token", "--index-url", *settings_of_pip()):
        assert secret not in history
        assert secret not in config


def test_a_bill_of_materials_lists_every_package(stage_images, bases, tmp_path):
    image = stage_images["ingest"]
    text = write_bill(image, tmp_path).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    assert bill["metadata"]["component"]["name"] == "simpgan/ingest"
    of_kind = {"pkg:pypi": set(), "pkg:deb/": set()}
    for component in bill["components"]:
        of_kind[component["purl"][:8]].add(component["name"])
    assert {canonicalize_name(name) for name in of_kind["pkg:pypi"]} == packages(image, "ingest")
    listed = output(image, "dpkg-query", "--show", "--showformat", r"${Package}\n").split()
    assert of_kind["pkg:deb/"] == set(listed) >= {"libc6", "python3"}
    pandas = next(component for component in bill["components"] if component["name"] == "pandas")
    assert pandas["version"] == closure("pandas")["pandas"]


def test_a_component_runs_as_a_cluster_starts_it(stage_images):
    """What the compiled pipeline says is run by sh and kfp's executor, without any of kfp's own dependencies."""
    program = "from kfp.dsl import *\n\ndef shout(word: str) -> str:\n    return word.upper()\n"
    start = """
    printf "%s" "$0" > /tmp/ephemeral.py
    _KFP_RUNTIME=true python3 -m kfp.dsl.executor_main --component_module_path /tmp/ephemeral.py "$@"
    cat /tmp/outputs/executor_output.json
    """
    given = {
        "inputs": {"parameterValues": {"word": "who"}},
        "outputs": {
            "parameters": {"Output": {"outputFile": "/tmp/outputs/Output"}},
            "outputFile": "/tmp/outputs/executor_output.json",
        },
    }
    arguments = ("--executor_input", json.dumps(given), "--function_to_execute", "shout")
    said = output(stage_images["finish"], "sh", "-ec", start, program, *arguments)
    assert json.loads(said.splitlines()[-1])["parameterValues"] == {"Output": "WHO"}
