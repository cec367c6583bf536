"""The command `simpgan export`: of manifests, and of runs whose source was translated into the target's style."""

import sys
from pathlib import Path

import datasets
import pytest

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.process.task import InputArtifact, Task
from simpgan.components.translate import stage as translate
from simpgan.components.translate.settings import TranslateSettings
from simpgan.pipelines import cli
from simpgan.pipelines.runner.relocation import write_data_root
from simpgan.pipelines.runner.task_records import keep_task
from tests.components.translate.test_stage import translator
from tests.conftest import Ingested


@pytest.fixture
def simpgan(monkeypatch, capsys):
    """Runs `simpgan export`; returns its exit status and what it said."""

    def simpgan(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["simpgan", "export", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, "".join(capsys.readouterr())

    return simpgan


def test_the_command_writes_the_first_protocol_unless_told_otherwise(simpgan, ingested: Ingested, tmp_path: Path):
    where = ["--layout", "market1501", "--data-root", ingested.data_root, "--out"]
    status, said = simpgan(ingested.target, *where, tmp_path / "first")
    assert (status, said.splitlines()[0]) == (0, f"{tmp_path / 'first'}: grid, protocol all250, fold 0")
    status, said = simpgan(ingested.target, *where, tmp_path / "other", "--protocol", "folds10", "--fold", 2)
    assert (status, said) == (0, f"{tmp_path / 'other'}: grid, protocol folds10, fold 2\n")
    assert len(list((tmp_path / "other" / "query").iterdir())) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--protocol", "folds"], "grid has no protocol 'folds': choose from all250, folds10"),
        (["--protocol", "folds10", "--fold", "10"], "grid, protocol 'folds10', has no fold 10: folds go from 0 to 9"),
        (["--out", "."], ". is not an empty folder: give an --out that is empty or not there yet"),
    ],
)
def test_the_command_refuses_in_one_line(simpgan, ingested: Ingested, tmp_path: Path, options, message):
    given = [ingested.target, "--data-root", ingested.data_root, "--out", tmp_path / "out", *options]
    assert simpgan(*given) == (2, f"simpgan: {message}\n")
    assert not (tmp_path / "out").exists()


def test_the_command_writes_an_image_folder(simpgan, ingested: Ingested, tmp_path: Path):
    where = ["--layout", "imagefolder", "--data-root", ingested.data_root, "--out", tmp_path / "out"]
    assert simpgan(ingested.target, *where, "--protocol", "folds10", "--fold", 2) == (
        0,
        f"{tmp_path / 'out'}: grid, protocol folds10, fold 2\n",
    )
    splits = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert splits["test"]["role"].count("query") == 4


def run_that_translated(out: Path, ingested: Ingested, *splits: str) -> list[Path]:
    """A run's folder with its source in the target's style, once per split; returns the manifests."""
    write_data_root(ingested.data_root, out)
    keep_task(out, "pretrain (a)", trained_on(ingested.source), "")
    manifests = [out / "artifacts" / split.replace(":", "-") for split in splits]
    for split, manifest in zip(splits, manifests, strict=True):
        model = translator(manifest.with_name("model"), 0, back=0.5)
        settings = TranslateSettings(direction="source-to-target")
        translate.run(ingested.source, model, settings, ingested.data_root, manifest)
        keep_task(out, f"pretrain source-to-target {split} (a)", trained_on(manifest), "")
    return manifests


def trained_on(manifest: Path) -> Task:
    return Task(component="pretrain", artifacts={"source": [InputArtifact(uri=str(manifest))]})


def test_a_run_is_exported_as_its_source_in_the_targets_style(simpgan, ingested: Ingested, tmp_path: Path):
    run = tmp_path / "run"
    run.mkdir()
    [styled] = run_that_translated(run, ingested, "folds10:0")
    status, said = simpgan(run, "--layout", "imagefolder", "--out", tmp_path / "out")
    assert (status, said.splitlines()[0]) == (
        0,
        f"{tmp_path / 'out'}: market1501 by simpgan, protocol standard, fold 0",
    )
    assert simpgan(styled, "--layout", "imagefolder", "--out", tmp_path / "same")[0] == 0
    for path in (tmp_path / "out").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "same" / path.relative_to(tmp_path / "out")).read_bytes()
    splits = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    source = Manifest.load(ingested.source)
    assert splits["train"]["person"] == source.images["person"].iloc[source.rows("standard", 0, "train")].tolist()


def test_a_run_with_no_such_source_or_several_is_refused_with_what_to_give(simpgan, ingested: Ingested, tmp_path: Path):
    (tmp_path / "none").mkdir()
    (tmp_path / "two").mkdir()
    run_that_translated(tmp_path / "none", ingested)
    first, second = run_that_translated(tmp_path / "two", ingested, "folds10:0", "all250:0")
    status, said = simpgan(tmp_path / "none", "--out", tmp_path / "out")
    assert (status, said) == (
        2,
        f"simpgan: {tmp_path / 'none'} has no source in the target's style: run it again with source-to-target among "
        "its --method, or give a manifest\n",
    )
    status, said = simpgan(tmp_path / "two", "--out", tmp_path / "out")
    assert (status, said) == (
        2,
        f"simpgan: {tmp_path / 'two'} has 2 sources in the target's style: give one of these manifests: "
        f"{second} (pretrain source-to-target all250:0 (a)); {first} (pretrain source-to-target folds10:0 (a))\n",
    )
