"""Paths with a scheme: every parameter of every command refuses those that it does not take, before anything starts."""

import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.pipelines import cli
from simpgan.pipelines.cluster.data_checks import check_parameter
from simpgan.pipelines.config.profiles import read_profile
from simpgan.pipelines.requests.data_sets import DataSet

NO_PLACES = {
    *("arguments", "assignments", "camera", "claim", "experiment", "force", "method", "name", "parameters", "protocol"),
    *("source_name", "stage", "stages", "sweep", "tag", "target_name", "variant", "which", "namespace"),
    *("model", "base_image", "slim_image", "host"),  # names and addresses of servers
}
"""Parameters that are text, and no path. A new one of type `str` belongs here, or needs a callback of `cli.places`."""

ALSO_A_FOLDER = ("search", "model")

DATA_SETS = {"data", "source", "target"}
SCHEMES = ("minio://bucket/data", "gs://bucket/data", "S3://bucket/data", "s3:/bucket", "file:///data", "hdfs://a/b")


def commands(app: typer.Typer, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for each in app.registered_commands:
        yield (*names, each.name), each.callback
    for group in app.registered_groups:
        yield from commands(group.typer_instance, (*names, group.name))


def places() -> Iterator[Any]:
    for names, function in commands(cli.app):
        hints = get_type_hints(function)
        for name in inspect.signature(function).parameters:
            kind = {hints[name], *get_args(hints[name]), *(x for arg in get_args(hints[name]) for x in get_args(arg))}
            is_text = str in kind and (name not in NO_PLACES or (*names, name) == ALSO_A_FOLDER)
            if Path in kind or is_text:
                yield pytest.param(names, function, name, id=f"{' '.join(names)}-{name}")


def command_line(names: tuple[str, ...], function: Any, tested: str, value: str, folder: Path) -> list[str]:
    """The command with what it needs, and `value` for the parameter under test."""
    line = [*names]
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        declared = Annotated[hints[name], typer.Argument()]  # where nothing else is said
        annotation, how = get_args(hints[name] if hasattr(hints[name], "__metadata__") else declared)
        if name != tested and parameter.default is not inspect.Parameter.empty:
            continue
        given = value if name == tested else dummy(name, annotation, folder)
        decls = [decl for decl in how.param_decls or [] if decl.startswith("--")]
        option = decls[0] if decls else f"--{name.replace('_', '-')}"
        line += [given] if isinstance(how, typer.models.ArgumentInfo) else [option, given]
    return line


def dummy(name: str, annotation: Any, folder: Path) -> str:
    if name in DATA_SETS and annotation is not Path:
        return f"market1501:{folder}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return str(next(iter(annotation)))
    return "1" if annotation is int else str(folder / "given")


@pytest.fixture
def refusal(monkeypatch, capsys, tmp_path):
    """Runs a command line in an empty folder; returns what it says when it ends with 2 and leaves nothing behind."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("SIMPGAN_DATA_ROOT", raising=False)

    def refusal(line: list[str]) -> str:
        monkeypatch.setattr(sys, "argv", ["simpgan", *line])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr().err
        assert (ended.value.code, len(said.splitlines())) == (2, 1), said
        assert list(here.iterdir()) == []
        return said

    return refusal


@pytest.mark.parametrize(("names", "function", "name"), list(places()))
def test_no_command_takes_a_scheme_for_a_folder(refusal, tmp_path, names, function, name):
    (tmp_path / "given").mkdir()
    layout = "market1501:" if name in DATA_SETS and get_type_hints(function)[name] is not Path else ""
    for scheme in (SCHEMES[0], "s3:/bucket") if layout else SCHEMES[:1]:
        said = refusal(command_line(names, function, name, f"{layout}{scheme}", tmp_path))
        assert said.startswith("simpgan: ")
        assert scheme.replace("//", "/") in said.replace("//", "/")


def test_s3_is_refused_where_only_a_folder_is_taken(refusal):
    said = refusal(["ingest", "cameras:.", "--data-root", "data", "--out", "s3://bucket/manifest"])
    assert said.startswith("simpgan: --out 's3:/bucket/manifest': give a folder or file of this machine")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_data_root_is_a_folder_or_s3(refusal, monkeypatch, scheme):
    line = ["ingest", "cameras:.", "--out", "manifest"]
    taken = f"'{scheme}': give a folder or s3://bucket/prefix\n"
    assert refusal([*line, "--data-root", scheme]) == f"simpgan: --data-root {taken}"
    monkeypatch.setenv("SIMPGAN_DATA_ROOT", scheme)
    assert refusal(line) == f"simpgan: SIMPGAN_DATA_ROOT {taken}"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_data_sets_settings_and_files_take_no_other_scheme(tmp_path, scheme):
    with pytest.raises(UserError, match=r"--source 'grid:.*give a folder, an archive or s3://bucket/prefix"):
        DataSet.parse(f"grid:{scheme}", "--source")
    (tmp_path / "here.yaml").write_text(f"extends: cpu\ndata_root: {scheme}\n")
    with pytest.raises(UserError, match=r"setting 'profile here.data_root' = .*: give a path, or s3://bucket/prefix"):
        read_profile(str(tmp_path / "here.yaml"))
    with pytest.raises(UserError, match="parameter 'data_root': the cluster has no folder"):
        check_parameter("data_root", scheme)


def test_a_registry_in_the_environment_has_no_scheme(refusal, monkeypatch):
    monkeypatch.setenv("SIMPGAN_REGISTRY", "https://ghcr.io/somebody/simpgan")
    said = refusal(["compile", "adapt", "--profile", "cpu", "--out", "adapt.yaml"])
    assert said.startswith("simpgan: SIMPGAN_REGISTRY=https://ghcr.io/somebody/simpgan: give a registry without a")


def test_weights_take_no_other_scheme(refusal):
    data = ["--source", "market1501:.", "--target", "grid:..", "--out", "out"]
    said = refusal(["run", "adapt", *data, "--set", "pretrain.weights=gs://bucket/weights.safetensors"])
    assert "setting 'pretrain.weights' = 'gs://bucket/weights.safetensors': no place for files: give a path" in said


@given(st.from_regex(r"\A[A-Za-z][A-Za-z0-9+.-]{0,8}://?[a-z]{0,8}/?[a-z]{0,8}\Z"))
def test_storage_reads_and_writes_at_no_scheme_but_s3(location):
    if not location.startswith("s3://"):
        for act in (storage.exists, storage.list_files, storage.check_writable, storage.local_folder):
            with pytest.raises(UserError, match="no place for files: give a folder or s3://bucket/prefix"):
                act(location)


@pytest.mark.parametrize("path", ["data", "/data/a:b/c", "./s3:/x", "a:b", "cam 1: door/x", "../minio:/x"])
def test_folders_with_colons_stay_folders(path):
    assert not storage.has_scheme(path)
    assert not storage.is_s3(path)
