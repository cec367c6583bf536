"""How a stage's container is set up: its paths, its environment, its rights and GPUs. No engine is needed."""

import os
import stat

import pytest

from simpgan.pipelines.runner.stage_container import arguments_for, environment_of, mounts

ENGINE = {"SecurityOptions": ["name=seccomp,profile=default"], "Runtimes": {"runc": {}}}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("AWS_", "SIMPGAN_", "TORCH_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_container_is_this_user_and_writes_only_where_it_is_told_to():
    given = arguments_for(ENGINE)
    assert given["user"] == f"{os.getuid()}:{os.getgid()}"
    assert given["read_only"]
    assert given["security_opt"] == ["no-new-privileges"]
    assert "device_requests" not in given
    assert "auto_remove" not in given


def test_all_gpus_are_passed_through_where_the_engine_can():
    (request,) = arguments_for({**ENGINE, "Runtimes": {"runc": {}, "nvidia": {}}})["device_requests"]
    assert request["Count"] == -1
    assert request["Capabilities"] == [["gpu"]]


def test_selinux_does_not_hide_the_folders_and_they_keep_their_labels():
    given = arguments_for({"SecurityOptions": ["name=seccomp", "name=selinux"]})
    assert "label=disable" in given["security_opt"]


def test_the_environment_is_passed_by_name_and_secrets_that_no_stage_needs_stay_here():
    here = {
        "AWS_SECRET_ACCESS_KEY": "s",
        "MLFLOW_TRACKING_PASSWORD": "p",
        "SIMPGAN_PIPELINE_RUN": "r",
        "https_proxy": "proxy",
        "SIMPGAN_KFP_TOKEN": "t",
        "SIMPGAN_COMMIT": "another",
        "DATABASE_PASSWORD": "d",
        "PYTHONPATH": "here",
        "USER": "me",
    }
    given = environment_of(here, "pretrain (a, seed 1)", "simpgan/pretrain@sha256:0")
    assert given["SIMPGAN_TASK"] == "pretrain (a, seed 1)"
    assert given["SIMPGAN_IMAGE"] == "simpgan/pretrain@sha256:0"
    passed = {"AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "SIMPGAN_PIPELINE_RUN", "https_proxy", "USER"}
    assert here.keys() & given.keys() == passed
    assert all(given[name] == here[name] for name in passed)


def test_keys_in_files_are_found_where_they_are(home):
    (home / ".aws").mkdir()
    (home / ".aws" / "credentials").touch()
    assert environment_of({}, "", "")["AWS_SHARED_CREDENTIALS_FILE"] == str(home / ".aws" / "credentials")
    assert "AWS_CONFIG_FILE" not in environment_of({}, "", "")


def test_folders_to_write_to_are_made_and_inputs_are_only_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out" / "cameras").mkdir(parents=True)
    (tmp_path / "weights").touch()
    given = mounts(["out", "data", "s3://bucket/data"], ["out/cameras", "weights", "imagenet", "s3://bucket", "data"])
    assert {mount["Target"]: mount["ReadOnly"] for mount in given} == {
        str(tmp_path / "data"): False,
        str(tmp_path / "out"): False,
        str(tmp_path / "out" / "cameras"): True,
        str(tmp_path / "weights"): True,
    }
    assert all(mount["Source"] == mount["Target"] and mount["Type"] == "bind" for mount in given)
    assert stat.S_ISDIR((tmp_path / "data").stat().st_mode)
