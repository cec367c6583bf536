"""The commands that write what a cluster takes."""

import pytest
import yaml

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.run import Pipeline, compile_pipeline
from simpgan.pipelines.cli.trainjob import trainjob
from tests.pipelines.graphs.compiled_tasks import images


def test_compile_with_a_profile_says_in_a_line_which_images_have_no_digest(tmp_path, capsys):
    path = tmp_path / "adapt.yaml"
    compile_pipeline(Pipeline.ADAPT, path, "umdl", profile="cpu", registry="registry.example/unlocked")
    document, pods = yaml.safe_load_all(path.read_text())
    assert all(name.startswith("registry.example/unlocked/") for name in images(document))
    assert set(pods["platforms"]["kubernetes"]["deploymentSpec"]["executors"]) > {"exec-umdl", "exec-finish"}
    said = capsys.readouterr()
    assert said.out == f"{path} written\n"
    tagged = sorted(name.partition(":")[0].rpartition("/")[2] for name in images(document) if "@" not in name)
    if tagged:
        assert said.err.startswith(f"no digest: {', '.join(tagged)}: ")
        assert said.err.count("\n") == 1


def test_compile_without_a_profile_writes_what_also_runs_here(tmp_path, capsys):
    path = tmp_path / "adapt.yaml"
    compile_pipeline(Pipeline.ADAPT, path, "umdl")
    (document,) = yaml.safe_load_all(path.read_text())
    assert "finish" not in document["root"]["dag"]["tasks"]
    assert all(name.startswith("simpgan/") for name in images(document))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("profile", "registry", "message"),
    [
        ("one-gpus", "", "unknown profile 'one-gpus': did you mean 'one-gpu'?"),
        (None, "registry.example", "--registry says where a cluster finds the images: give a --profile too"),
    ],
)
def test_compile_refuses_in_one_line_and_writes_nothing(tmp_path, profile, registry, message):
    with pytest.raises(UserError) as refused:
        compile_pipeline(Pipeline.ADAPT, tmp_path / "adapt.yaml", profile=profile, registry=registry)
    assert str(refused.value) == message
    assert not list(tmp_path.iterdir())


def test_trainjob_writes_a_manifest_or_prints_it(tmp_path, capsys):
    arguments = ["--source", "/shared/market", "--out", "/shared/classifier"]
    path = tmp_path / "deep" / "job.yaml"
    trainjob("train-gan", arguments, claim="reid", profile="one-gpu", out=path)
    assert capsys.readouterr().out == f"{path} written\n"
    trainjob("train-gan", arguments, claim="reid", profile="one-gpu")
    written = yaml.safe_load(path.read_text())
    assert yaml.safe_load(capsys.readouterr().out) == written
    assert written["metadata"]["name"] == "simpgan-train-gan"
    assert written["spec"]["trainer"]["command"][-5:] == ["train-gan", *arguments]


def test_trainjob_refuses_a_file_that_is_no_yaml(tmp_path):
    with pytest.raises(UserError, match=r"the file is YAML: end its name with \.yaml"):
        trainjob("pretrain", [], claim="reid", out=tmp_path / "job.json")
