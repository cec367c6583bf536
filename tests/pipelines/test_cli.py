"""The command line: what it refuses, in one line and with which status, before anything starts."""

import socket
import subprocess
import sys

import pytest
import yaml

from pipelines import cli


@pytest.fixture
def simpgan(monkeypatch, capsys):
    """Runs a command line; returns its exit status and what it said on stderr."""

    def simpgan(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["simpgan", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr().err

    return simpgan


@pytest.fixture
def data(tmp_path):
    """Options for two data sets that are there, as far as can be seen before reading them."""
    for name in ("source", "target"):
        (tmp_path / name).mkdir()
    return [
        "--source",
        f"market1501:{tmp_path / 'source'}",
        "--target",
        f"grid:{tmp_path / 'target'}",
        "--out",
        tmp_path / "out",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "smal"], "unknown preset 'smal': did you mean 'small'?"),
        (
            ["--method", "simpgan,cycelgan"],
            "setting 'train_gan.method' has no choice 'cycelgan': did you mean 'cyclegan'?",
        ),
        (["--protocol", "fold10:0"], "grid has no protocol 'fold10' to train in: did you mean 'folds10'?"),
        (["--protocol", "folds10:first"], "setting 'train_gan.fold' = 'first': input should be a valid integer"),
        (["--protocol", "folds10:-1"], "setting 'train_gan.fold' = '-1': input should be greater than or equal to 0"),
        (["--set", "train_gan.lambda_simlarity=1"], "unknown setting 'train_gan.lambda_simlarity': did you mean"),
        (["--set", "pretrain.epochs=x"], "setting 'pretrain.epochs' = 'x': input should be a valid integer"),
        (["--set", "pretrain.weights=gone.safetensors"], "pretrain.weights: no such file 'gone.safetensors'"),
        (["--source", "market:."], "--source: unknown layout 'market': did you mean 'market1501'?"),
        (["--source", "."], "--source '.' names no layout: write --source market1501:."),
        (["--target", "s3://bucket/grid"], "--target 's3://bucket/grid' names no layout: write --target"),
        (["--target", "grid:gone"], "--target: there is no folder or archive 'gone': correct the path"),
    ],
)
def test_a_run_that_cannot_succeed_is_refused_before_it_starts(simpgan, data, tmp_path, options, message):
    status, said = simpgan("run", "adapt", *data, *options)
    assert status == 2
    assert said.startswith(f"simpgan: {message}")
    assert said.count("\n") == 1
    assert not (tmp_path / "out" / "artifacts").exists()


def test_an_output_folder_that_is_a_file_is_refused(simpgan, data, tmp_path):
    (tmp_path / "out").touch()
    status, said = simpgan("run", "adapt", *data)
    assert status == 2
    assert said.startswith("simpgan: cannot write: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["pretrain", "--source", "gone"], "--source gone: there is no such folder"),
        (["pretrain", "--source", ".", "--set", "epohs=1"], "unknown setting 'pretrain.epohs': did you mean 'epochs'?"),
        (
            ["pretrain", "--source", ".", "--set", "train_gan.steps=1"],
            "--set train_gan.steps: this command runs pretrain only",
        ),
        (["ingest", "market:."], "DATA: unknown layout 'market': did you mean 'market1501'?"),
        (["translate", "--target", ".", "--translator", "gone"], "--translator gone: there is no such folder"),
    ],
)
def test_a_single_stage_refuses_in_one_line(simpgan, tmp_path, command, message):
    status, said = simpgan(*command, "--out", tmp_path / "out", "--data-root", tmp_path / "data")
    assert status == 2
    assert said.startswith(f"simpgan: {message}")
    assert said.count("\n") == 1


def test_compile_writes_the_pipeline(simpgan, tmp_path):
    path = tmp_path / "deep" / "adapt.yaml"
    assert simpgan("compile", "adapt", "--out", path)[0] == 0
    assert yaml.safe_load(path.read_text())["pipelineInfo"]["name"] == "adapt"


def test_ui_needs_a_run(simpgan, tmp_path):
    status, said = simpgan("ui", "--out", tmp_path)
    assert (status, said) == (2, f"simpgan: no runs in {tmp_path}: it has no mlflow.db; give the --out of a run\n")


def test_ui_refuses_a_port_in_use(simpgan, tmp_path):
    (tmp_path / "mlflow.db").touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, said = simpgan("ui", "--out", tmp_path, "--port", port)
    assert status == 2
    assert said == f"simpgan: port {port} cannot be used (Address already in use): choose another with --port\n"


def test_the_command_is_installed():
    ran = subprocess.run([sys.executable, "-m", "pipelines.cli", "--help"], capture_output=True, text=True, check=True)
    for command in (
        "run",
        "compile",
        "demo",
        "demo-data",
        "ingest",
        "pretrain",
        "train-gan",
        "translate",
        "evaluate",
        "ui",
    ):
        assert command in ran.stdout
