"""What is in the images of the stages: what they need, and nothing that others should not see."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from simpgan.pipelines.config.profiles import STAGES
from simpgan.pipelines.images.bill import write_bill
from simpgan.pipelines.images.wheels import closure, requirements
from tests.containers.running import output

pytestmark = pytest.mark.docker
SLIM = ("champion", "finish", "ingest", "summarise", "watch")
OF_EXTRA = {"ingest": (), "evaluate": ("train", "evaluate"), "umdl": ("train", "umdl"), "train_gan": ("train",)}
"""The extras in pyproject.toml that the images of these stages hold, besides what all of them do."""
TELL_PACKAGES = (
    "import json; from importlib.metadata import distributions; print(json.dumps([p.name for p in distributions()]))"
)


def packages(image: str) -> set[str]:
    """The Python packages in an image."""
    return {canonicalize_name(name) for name in json.loads(output(image, "python3", "-c", TELL_PACKAGES))}


def asked_for(*extras: str) -> set[str]:
    """The Python packages that the project's dependencies and these extras lead to."""
    wanted = requirements()
    lines = [line for extra in ("stage", *extras) for line in wanted[extra]]
    return {canonicalize_name(name) for line in lines for name in closure(line)} | {"kfp"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_starts_as_nobody_with_nothing_to_write_to(stage_images, stage):
    check = (
        f"import os, simpgan.components.{stage}.stage; print(os.getuid(), os.environ['SIMPGAN_COMMIT'] != 'unknown')"
    )
    assert output(stage_images[stage], "python3", "-c", check) == "10001 True\n"


@pytest.mark.parametrize("stage", STAGES)
def test_an_image_holds_no_other_stage(stage_images, stage):
    folders = output(stage_images[stage], "sh", "-c", "ls -d /app/simpgan/components/*/").split()
    assert sorted(folders) == [f"/app/simpgan/components/{name}/" for name in sorted(["core", stage])]


@pytest.mark.parametrize("stage", OF_EXTRA)
def test_an_image_holds_the_packages_of_its_extras_and_no_others(stage_images, bases, stage):
    base = bases.slim if stage in SLIM else bases.torch
    assert packages(stage_images[stage]) - packages(base) == asked_for(*OF_EXTRA[stage]) - packages(base)


@pytest.mark.parametrize("stage", SLIM)
def test_stages_that_run_no_network_have_no_torch(stage_images, stage):
    assert "torch" not in packages(stage_images[stage])


@pytest.mark.parametrize("stage", STAGES)
def test_an_image_has_no_compiler_and_adds_no_installer(stage_images, stage):
    there = output(stage_images[stage], "sh", "-c", "command -v cc gcc g++ make ld; ls /opt/simpgan/bin; true").split()
    assert "python3" in there
    assert not {"cc", "gcc", "g++", "make", "ld", "pip", "pip3"} & {program.rpartition("/")[2] for program in there}
    assert output(stage_images[stage], "sh", "-c", "ls -d /wheels /opt/more 2>/dev/null; true") == ""


def settings_of_pip() -> Iterator[str]:
    """What this machine's pip is told that an image should not tell on: addresses, files, passwords."""
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    for line in told.stdout.splitlines():
        for value in line.partition("=")[2].strip("'\"").split():
            if "/" in value:
                yield value


@pytest.mark.parametrize("stage", STAGES)
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
    assert {canonicalize_name(name) for name in of_kind["pkg:pypi"]} == packages(image)
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
