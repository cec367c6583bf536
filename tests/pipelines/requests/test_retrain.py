"""The request of `retrain`."""

import json
from typing import Any

import pytest

from simpgan.components.core.errors import UserError
from simpgan.pipelines.requests.places import Places
from simpgan.pipelines.requests.request import CheckedRequest
from simpgan.pipelines.requests.retrain import RetrainRequest


def checked(*settings: str, **options: Any) -> CheckedRequest:
    place = {"location": "s3://bucket/station", "model": "reid", "threshold": 100, "part_images": 10}
    return RetrainRequest(**{**place, "set": settings, "seed": 3, **options}).check(Places())


def test_the_arguments_are_of_the_only_split_that_cameras_have():
    arguments = checked("evaluate.batch=16", "propose.tolerance=0.5", "train_gan.steps=7").arguments
    read = {name: json.loads(value) for name, value in arguments.items() if name.endswith("_settings")}
    assert (arguments["threshold"], arguments["part_images"], arguments["model"]) == ("100", "10", "reid")
    assert read["evaluate_settings"]["protocols"] == ["cameras"]
    trained = read["train_gan_settings"]
    assert (trained["method"], trained["protocol"], trained["fold"], trained["seed"]) == ("simpgan", "cameras", 0, 3)
    proposed = read["propose_settings"]
    assert (proposed["model"], proposed["tolerance"], proposed["batch"]) == ("reid", 0.5, 16)


@pytest.mark.parametrize(
    ("method", "settings", "proposed"),
    [
        ("simpgan", [], "simpgan+camera-adabn"),
        ("simpgan", ["evaluate.camera_adabn=false"], "simpgan+adabn"),
        ("simpgan", ["evaluate.camera_adabn=false", "evaluate.adabn=false"], "simpgan"),
        ("simpgan+adabn", [], "simpgan+adabn"),
        ("adabn", [], "adabn"),
        ("camera-adabn", [], "camera-adabn"),
        ("camera-adabn+whitened", [], "camera-adabn+whitened"),
        ("simpgan+camera-adabn+whitened", [], "simpgan+camera-adabn+whitened"),
        ("camera-adabn+joined+whitened", [], "camera-adabn+joined+whitened"),
        ("simpgan+camera-adabn", [], "simpgan+camera-adabn"),
        ("self-training", ["evaluate.camera_adabn=false", "evaluate.adabn=false"], "self-training"),
        ("self-training+camera-adabn", [], "self-training+camera-adabn"),
    ],
)
def test_what_is_proposed_is_adapted_as_the_evaluation_was(method, settings, proposed):
    assert json.loads(checked(*settings, method=method).arguments["propose_settings"])["method"] == proposed


def test_statistics_per_camera_do_not_change_the_training():
    plain, per_camera = (checked(method=method).arguments for method in ("gan", "gan+camera-adabn"))
    assert json.loads(plain["train_gan_settings"])["method"] == "gan"
    assert plain["train_gan_settings"] == per_camera["train_gan_settings"]


def test_a_run_is_known_by_its_model_and_its_cameras():
    request = checked("train_gan.steps=7", preset="small")
    assert request.title == "retrain reid on station, camera-adabn, small, train_gan.steps=7"
    assert request.tags == {"source": "reid", "target": "station", "method": "camera-adabn", "preset": "small"}


@pytest.mark.parametrize("method", ["umdl", "simpgan,gan", "simpgn"])
def test_a_method_that_no_champion_can_go_on_by_is_refused(method):
    with pytest.raises(UserError, match=f"--method '{method}' is none to go on by"):
        checked(method=method)
