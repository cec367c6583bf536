"""The command line: what it refuses, in one line and with which status, before anything starts."""

import os
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml
from kfp.components import load_component_from_file

from simpgan.pipelines import cli
from simpgan.pipelines.demo_data import generate


@pytest.fixture
def simpgan(monkeypatch, capsys):
    """Runs a command line; returns its exit status and what it said on stderr."""

    def simpgan(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["simpgan", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr().err

    return simpgan


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A folder with two small generated camera networks."""
    folder = tmp_path_factory.mktemp("networks")
    generate(folder, 0, source_identities=4, target_identities=4)
    return folder


@pytest.fixture
def data(tmp_path, networks):
    """Options for two data sets that are there."""
    (tmp_path / "source").symlink_to(networks / "market1501")
    (tmp_path / "target").symlink_to(networks / "underground_reid")
    return [
        "--source",
        f"market1501:{tmp_path / 'source'}",
        "--target",
        f"grid:{tmp_path / 'target'}",
        "--out",
        tmp_path / "out",
    ]


EVERY_RUN = pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "smal"], "unknown preset 'smal': did you mean 'small'?"),
        (
            ["--method", "simpgan,cycelgan"],
            "--method: unknown method 'cycelgan': did you mean 'cyclegan'?",
        ),
        (["--protocol", "fold10:0"], "grid has no protocol 'fold10' to train in: did you mean 'folds10'?"),
        (["--protocol", "folds10:10"], "grid, protocol 'folds10', has no fold 10: they go from 0 to 9"),
        (["--protocol", "folds10:first"], "--protocol 'folds10:first' names no fold: write folds10:0 or folds10:0-9"),
        (["--set", "train_gan.lambda_simlarity=1"], "unknown setting 'train_gan.lambda_simlarity': did you mean"),
        (["--set", "pretrain.epochs=x"], "setting 'pretrain.epochs' = 'x': input should be a valid integer"),
        (["--set", "pretrain.weights=gone.safetensors"], "pretrain.weights: no such file 'gone.safetensors'"),
        (["--source", "market:."], "--source: unknown layout 'market': did you mean 'market1501'?"),
        (["--source", "."], "--source '.' names no layout: write --source market1501:."),
        (["--target", "s3://bucket/grid"], "--target 's3://bucket/grid' names no layout: write --target"),
        (["--target", "grid:gone"], "--target: there is no folder or archive 'gone': correct the path"),
    ],
)


def refused_before_it_starts(simpgan, tmp_path, *arguments):
    """What a command says in its one line."""
    status, said = simpgan(*arguments)
    assert status == 2
    assert said.count("\n") == 1
    assert not (tmp_path / "out" / "artifacts").exists()
    return said.removeprefix("simpgan: ")


@EVERY_RUN
@pytest.mark.parametrize("pipeline", ["adapt", "table1"])
def test_a_run_that_cannot_succeed_is_refused_before_it_starts(simpgan, data, tmp_path, pipeline, options, message):
    given = data[2:] if "--source" in options else data
    assert refused_before_it_starts(simpgan, tmp_path, "run", pipeline, *given, *options).startswith(message)


def test_a_sweep_of_an_unknown_setting_is_refused(simpgan, data, tmp_path):
    said = refused_before_it_starts(simpgan, tmp_path, "run", "adapt", *data, "--sweep", "train_gan.lambda=0,1")
    assert said.startswith("unknown setting 'train_gan.lambda': did you mean")


@pytest.mark.parametrize("pipeline", ["adapt", "table1"])
def test_a_target_that_is_the_source_is_refused_unless_that_is_asked_for(simpgan, data, networks, tmp_path, pipeline):
    same = [*data, "--target", f"market1501:{tmp_path / 'source'}"]
    said = refused_before_it_starts(simpgan, tmp_path, "run", pipeline, *same)
    assert said.startswith(f"source and target are both at {networks / 'market1501'}")
    said = refused_before_it_starts(simpgan, tmp_path, "run", pipeline, *data, "--target-name", "market1501")
    assert said.startswith("source and target are both called market1501")
    allowed = [*same, "--allow-shared-people", "--protocol", "standard", "--set", "pretrain.weights=gone.safetensors"]
    said = refused_before_it_starts(simpgan, tmp_path, "run", pipeline, *allowed)
    assert said.startswith("pretrain.weights: no such file")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--source", "{source}"], "two sources are called 'market1501': leave one out, or name them by --source-name"),
        (["--source", "{source}", "--source-name", "a"], "2 --source and 1 --source-name: name all of them or none"),
    ],
)
def test_sources_that_results_could_not_tell_apart_are_refused(simpgan, data, tmp_path, more, message):
    options = [option.format(source=data[1]) for option in more]
    assert refused_before_it_starts(simpgan, tmp_path, "run", "table1", *data, *options).startswith(message)


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
            "--set train_gan.steps: this command runs only pretrain",
        ),
        (["ingest", "market:."], "DATA: unknown layout 'market': did you mean 'market1501'?"),
        (["translate", "--target", ".", "--translator", "gone"], "--translator gone: there is no such folder"),
        (["translate", "--translator", "."], "translate takes --target or --source: give the data set to translate"),
        (["translate", "--translator", ".", "--target", ".", "--source", "."], "translate takes --target or --source"),
        (["umdl", "--source", ".", "--target", "gone"], "--target gone: there is no such folder"),
        (["umdl", "--source", ".", "--target", ".", "--set", "atom=1"], "unknown setting 'umdl.atom': did you mean"),
        *(
            (
                ["evaluate", "--source", ".", "--target", ".", "--classifier", ".", option, "gone"],
                f"{option} gone: there is no such folder",
            )
            for option in ("--translated", "--translator", "--counterpart", "--features")
        ),
    ],
)
def test_a_single_stage_refuses_in_one_line(simpgan, tmp_path, command, message):
    status, said = simpgan(*command, "--out", tmp_path / "out", "--data-root", tmp_path / "data")
    assert status == 2
    assert said.startswith(f"simpgan: {message}")
    assert said.count("\n") == 1


def test_summarise_needs_folders_of_results(simpgan, tmp_path):
    status, said = simpgan("summarise", "gone", "--out", tmp_path / "out")
    assert status == 2
    assert said == "simpgan: RESULTS gone: there is no such folder: give one that an earlier stage wrote\n"


def test_of_several_processes_all_but_the_first_say_which_they_are(simpgan, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    _, said = simpgan("pretrain", "--source", "gone", "--out", tmp_path, "--data-root", tmp_path)
    assert said.startswith("simpgan, process 1: --source gone")


@pytest.mark.parametrize("rank", ["abc", "-1"])
def test_a_number_of_a_process_that_is_none_is_named(simpgan, monkeypatch, rank):
    monkeypatch.setenv("RANK", rank)
    status, said = simpgan("demo", "--help")
    assert (status, said) == (
        2,
        f"simpgan, process {rank}: RANK={rank}: give a whole number from 0, or unset it\n",
    )


def test_an_empty_number_of_a_process_is_none(simpgan, monkeypatch):
    monkeypatch.setenv("RANK", "")
    assert simpgan("demo", "--help") == (0, "")


def test_a_name_that_the_terminal_cannot_show_does_not_end_a_command(tmp_path):
    """In a process of its own, since Python chooses the letters of its output when it starts."""
    registry = ("--registry", "ghcr.io/somebody/simpgan")
    command = ("trainjob", "pretrain", "--claim", "shared", *registry, "--out", "Süd.yaml", "--", "--source", "market")
    ended = subprocess.run(
        [sys.executable, "-m", "simpgan.pipelines.cli", *command],
        cwd=tmp_path,
        env=os.environ | {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C", "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("d.yaml written\n")


@pytest.mark.parametrize("command", [
    ["adapt"], ["table1"], ["retrain"], ["adapt", "--profile", "one-gpu"], ["table1", "--combine", "both"],
])  # fmt: skip
def test_compile_writes_a_pipeline_that_kfp_can_read(simpgan, tmp_path, command):
    path = tmp_path / "deep" / "pipeline.yaml"
    assert simpgan("compile", *command, "--out", path)[0] == 0
    assert load_component_from_file(str(path)).name == command[0]


def test_compile_has_the_loops_of_the_methods_given(simpgan, tmp_path):
    path = tmp_path / "adapt.yaml"
    assert simpgan("compile", "adapt", "--method", "umdl", "--out", path)[0] == 0
    assert "exec-train-gan" not in yaml.safe_load(path.read_text())["deploymentSpec"]["executors"]
    status, said = simpgan("compile", "adapt", "--method", "undl", "--out", path)
    assert (status, said) == (2, "simpgan: --method: unknown method 'undl': did you mean 'umdl'?\n")


def test_retrain_has_no_sources_to_combine(simpgan, tmp_path):
    status, said = simpgan("compile", "retrain", "--combine", "data", "--out", tmp_path / "retrain.yaml")
    assert (status, said) == (2, "simpgan: retrain has no sources to combine: leave out --combine\n")


@pytest.mark.parametrize("name", ["a?b", "a%41b"])
def test_a_run_in_a_folder_that_mlflow_would_not_find_is_refused(simpgan, data, tmp_path, monkeypatch, name):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    options = [*data[:-1], tmp_path / name]
    said = refused_before_it_starts(simpgan, tmp_path, "run", "adapt", *options)
    assert "MLflow cannot keep runs in a folder with '?'" in said
    assert not (tmp_path / name).exists()


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


@pytest.mark.servers
def test_ui_prints_its_link_and_nothing_else(tmp_path):
    (tmp_path / "mlflow.db").touch()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "simpgan.pipelines.cli", "ui", "--out", tmp_path, "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            while server.poll() is None:
                try:
                    assert urlopen(f"http://127.0.0.1:{port}/").status == 200
                    break
                except URLError:
                    time.sleep(0.2)
        finally:
            server.terminate()
        said, errors = server.communicate()
    assert said.startswith(f"http://127.0.0.1:{port}/#/experiments/")
    assert len(said.splitlines()) == 1
    assert errors == ""


def test_a_locale_without_umlauts_does_not_change_what_a_path_says(tmp_path):
    program = "from simpgan.pipelines import cli; cli.main()"
    command = [sys.executable, "-c", program, "ingest", f"cameras:{tmp_path}/für"]
    ran = subprocess.run(
        [*command, "--data-root", tmp_path / "data", "--out", tmp_path / "out"],
        env=os.environ | {"PYTHONUTF8": "0", "LC_ALL": "C"},
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stderr.decode() == f"simpgan: DATA: there is no folder or archive '{tmp_path}/für': correct the path\n"
