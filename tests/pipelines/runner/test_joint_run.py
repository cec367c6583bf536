"""A run from two sources as one, from the command line to the rows and the parts to register."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.models.companions import sources_of
from simpgan.components.core.models.model_folder import read_config
from simpgan.components.core.results.rows import read_results
from simpgan.pipelines.demo_data import SOURCE_FOLDER, TARGET_FOLDER, generate
from simpgan.pipelines.runner.run_outputs import find_parts

TINY = str(Path(__file__).parents[1] / "tiny.yaml")


@pytest.fixture(scope="module")
def run(python, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A run on generated networks: its folder, and how it ended."""
    folder = tmp_path_factory.mktemp("joint")
    options = []
    for seed, name in enumerate(("here", "there")):
        generate(folder / name, seed, source_identities=4, target_identities=4)
        options += ["--source", f"market1501:{folder / name / SOURCE_FOLDER}", "--source-name", name]
    options += ["--target", f"grid:{folder / 'here' / TARGET_FOLDER}", "--method", "direct", "--protocol", "all250"]
    options += ["--combine", "both"]
    command = [python, "-m", "simpgan.pipelines.cli", "run", "adapt", *options, "--preset", TINY]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "SIMPGAN"))}
    ran = subprocess.run(
        [*command, "--out", folder / "out"], capture_output=True, text=True, env=environment, check=False
    )
    return folder / "out", ran


@pytest.mark.local
def test_one_classifier_is_trained_on_the_people_of_both_sources(run: tuple[Path, subprocess.CompletedProcess[str]]):
    out, ran = run
    assert ran.returncode == 0, ran.stderr
    assert {row.source for row in read_results(out / "results.json")} == {"here+there"}
    parts = json.loads((out / "parts.json").read_text())
    source, config = Manifest.load(out / parts["source"]), read_config(out / parts["classifier"])
    assert (source.dataset, source.parts) == ("here+there", ("here", "there"))
    trained = source.images.iloc[source.rows(source.source_protocol, 0, "train")]
    assert trained.groupby(source.part_of_images)["person"].nunique().to_dict() == {"here": 4, "there": 4}
    assert config["classifier"]["identities"] == 8
    done = [line.partition(" ...")[0] for line in ran.stderr.splitlines() if line.endswith(" ...") and line[0] != " "]
    assert sorted(done) == [
        "check",
        "check",
        "check",
        "evaluate (here+there, seed 0)",
        "ingest grid",
        "ingest market1501 here",
        "ingest market1501 there",
        "join here+there",
        "pretrain (here+there, seed 0)",
        "pretrain (here, seed 0)",
        "pretrain (there, seed 0)",
    ]
    assert ran.stderr.count("ingest market1501 here: from cache") == 1


@pytest.mark.local
def test_features_of_the_common_classifier_and_of_one_for_each_source_are_joined(
    run: tuple[Path, subprocess.CompletedProcess[str]],
):
    out, ran = run
    assert ran.returncode == 0, ran.stderr
    joined = [row for row in read_results(out / "results.json") if "joined" in row.method]
    assert {row.method for row in joined} >= {"direct+joined", "camera-adabn+joined"}
    assert {row.variant for row in joined} == {"with here and there"}
    assert "AdaBN per camera + joined (with here and there)" in ran.stdout
    parts = find_parts(out, "camera-adabn+joined")
    assert [read_config(companion)["source"] for companion in parts.companions] == ["here", "there"]
    assert sources_of(parts.companions, parts.companion_sources) == list(parts.companion_sources)
