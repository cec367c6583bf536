"""`simpgan submit`, from the command line to what the server gets."""

import hashlib
import json
import os
import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import unquote

import pytest
from kfp.compiler import Compiler

from simpgan.components.core import images
from simpgan.components.core.tracking import parent_run
from simpgan.pipelines import cli
from tests.components.ingest.data_sets import GRID, GRID_FIELDS, GRID_TEST, GRID_TRAIN, MARKET, partitions
from tests.pipelines.graphs.compiled_tasks import dags
from tests.pipelines.words import words


@pytest.fixture
def simpgan(monkeypatch, capsys):
    """Runs a command line; returns its exit status, and what it said on stdout and stderr."""

    def simpgan(*arguments):
        monkeypatch.setattr(sys, "argv", ["simpgan", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, *capsys.readouterr()

    return simpgan


@pytest.fixture(autouse=True)
def own_images(monkeypatch, tmp_path):
    """No images but those of the test."""
    monkeypatch.delenv("SIMPGAN_REGISTRY", raising=False)
    monkeypatch.setattr(images, "LOCK", tmp_path / "digests.json")


@pytest.fixture
def places(object_store):
    """Options for two data sets and a data root in a store."""
    folds = partitions([(GRID_TRAIN, GRID_TEST), (GRID_TEST, GRID_TRAIN)] * 5, GRID_FIELDS)
    object_store.fill({f"market/{name}": b"1" for name in MARKET} | {f"grid/{name}": b"2" for name in GRID})
    object_store.fill({"grid/features_and_partitions.mat": folds})
    at = object_store.location
    return ["--source", f"market1501:{at}/market", "--target", f"grid:{at}/grid", "--data-root", f"{at}/data"]


def test_adapt_runs_with_every_parameter_under_a_name_that_tells_what_it_does(kubeflow, simpgan, places):
    command = [
        "submit",
        "adapt",
        "--host",
        kubeflow.address,
        *places,
        "--protocol",
        "folds10:0-1,all250",
        "--seed",
        "7",
    ]
    status, said, _ = simpgan(*command, "--preset", "small", "--set", "pretrain.epochs=3")
    assert status == 0
    (run,) = kubeflow.runs.values()
    assert re.fullmatch(
        r"adapt market1501 to grid, simpgan, folds10:0,1, all250:0, small, seed 7, pretrain.epochs=3, "
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
        run.display_name,
    )
    given = run.runtime_config.parameters
    assert given["target_location"] == places[3].removeprefix("grid:")
    assert [each["fold"] for each in given["adaptations"]] == ["0", "1", "0"]
    assert json.loads(given["pretrain_settings"])["epochs"] == 3
    assert json.loads(given["train_gan_settings"])["seed"] == 7
    (version,) = kubeflow.versions.values()
    (pipeline,) = kubeflow.pipelines.values()
    (experiment,) = kubeflow.experiments.values()
    assert (pipeline.display_name, experiment.display_name) == ("simpgan-adapt", "simpgan")
    assert version.pipeline_spec["pipeline_spec"]["pipelineInfo"]["name"] == "simpgan-adapt"
    assert "nvidia.com/gpu" in str(version.pipeline_spec)
    assert "finish" in dags(version.pipeline_spec["pipeline_spec"])[0]
    assert said.splitlines() == [
        f"Pipeline: simpgan-adapt, version {version.display_name} (uploaded)",
        f"Run:      {run.display_name}",
        f"          {kubeflow.address}/#/runs/details/{run.run_id}",
    ]


def test_a_run_says_what_the_weights_hold_that_lie_in_a_store(kubeflow, simpgan, places, object_store):
    object_store.fill({"weights.safetensors": b"weights"})
    weights = ["--set", f"pretrain.weights={object_store.location}/weights.safetensors"]
    status, _, said = simpgan("submit", "adapt", "--host", kubeflow.address, *places, *weights)
    assert status == 0, said
    (run,) = kubeflow.runs.values()
    given = json.loads(run.runtime_config.parameters["pretrain_settings"])
    assert given["weights_sha256"] == hashlib.sha256(b"weights").hexdigest()


def test_table1_runs_with_its_sources_and_seeds(kubeflow, simpgan, places):
    more = ["--source", places[1], "--source-name", "one", "--source-name", "two", "--seed", "0", "--seed", "1"]
    options = ["--method", "simpgan,umdl", "--protocol", "all250", "--name", "mine", "--experiment", "theirs"]
    status, _, said = simpgan("submit", "table1", "--host", kubeflow.address, *places, *more, *options)
    assert status == 0, said
    (run,) = kubeflow.runs.values()
    assert run.display_name == "mine"
    given = run.runtime_config.parameters
    assert [each["source_name"] for each in given["sources"]] == ["one", "two"]
    assert [json.loads(each["umdl_settings"])["seed"] for each in given["seeds"]] == [0, 1]
    assert [each.display_name for each in kubeflow.experiments.values()] == ["theirs"]


def test_retrain_runs_with_all_its_parameters_as_text(kubeflow, simpgan, object_store):
    at = object_store.location
    options = ["--data-root", f"{at}/data", "--threshold", "50", "--model", "reid", "--method", "cyclegan"]
    status, said, error = simpgan("submit", "retrain", f"{at}/station", "--host", kubeflow.address, *options)
    assert status == 0, error
    assert "Run:      retrain reid on station, cyclegan, defaults, " in said
    (run,) = kubeflow.runs.values()
    given = run.runtime_config.parameters
    assert (given["location"], given["threshold"], given["model"]) == (f"{at}/station", "50", "reid")
    assert all(isinstance(value, str) for value in given.values())
    (version,) = kubeflow.versions.values()
    graphs = dags(version.pipeline_spec["pipeline_spec"])
    every = {name: task for graph in graphs for name, task in graph.items()}
    assert not every["watch"].get("cachingOptions")
    assert every["train-gan"]["cachingOptions"]
    assert "finish" in graphs[0]


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("s3://nobodys/station", "no such bucket: s3://nobodys/station"),
        ("station", "LOCATION: the cluster has no folder 'station'"),
    ],
)
def test_retrain_on_a_place_that_the_cluster_cannot_look_at_is_refused(
    kubeflow, simpgan, object_store, location, message
):
    root = f"{object_store.location}/data"
    status, _, error = simpgan("submit", "retrain", location, "--host", kubeflow.address, "--data-root", root)
    assert status == 2
    assert message in error
    assert not kubeflow.runs


@pytest.fixture
def file(tmp_path):
    """A compiled pipeline."""
    path = tmp_path / "words.yaml"
    Compiler().compile(words, str(path))
    return path


def test_no_cache_reaches_the_tasks_in_loops(kubeflow, simpgan, file):
    command = ["submit", "file", file, "--host", kubeflow.address, "--parameter", "first=a", "--parameter", "others=[]"]
    assert simpgan(*command)[0] == 0
    assert simpgan(*command, "--no-cache")[0] == 0
    assert "(already there)" in simpgan(*command)[1]
    cached = [
        sorted(name for dag in dags(version.pipeline_spec) for name, task in dag.items() if task.get("cachingOptions"))
        for version in kubeflow.versions.values()
    ]
    assert cached == [["join", "write", "write-2"], []]
    used = [run.pipeline_version_reference.pipeline_version_id for run in kubeflow.runs.values()]
    first, second = kubeflow.versions
    assert used == [first, second, first]


def test_waiting_ends_with_the_status_of_the_run(kubeflow, simpgan, file):
    command = ["submit", "file", file, "--host", kubeflow.address, "--parameter", "first=a", "--parameter", "others=[]"]
    kubeflow.progress = [{"state": "SUCCEEDED"}]
    status, said, _ = simpgan(*command, "--wait")
    assert (status, said.splitlines()[-1]) == (0, "The run has succeeded.")
    kubeflow.progress = [{"state": "FAILED"}]
    status, _, said = simpgan(*command, "--wait")
    assert status == 1
    assert said.startswith("simpgan: the run failed (for the reason: kubectl logs --namespace kubeflow --selector ")
    assert said.count("\n") == 1


@pytest.mark.servers
def test_the_link_to_mlflow_shows_the_runs_of_this_run(
    kubeflow, simpgan, file, mlflow_server, tracking_server, monkeypatch
):
    command = ["submit", "file", file, "--host", kubeflow.address, "--parameter", "first=a", "--parameter", "others=[]"]
    user = f"{mlflow_server.user}:{mlflow_server.password}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.url.replace("//", f"//{user}@"))
    monkeypatch.setattr(parent_run, "SETTLING_SECONDS", 0.0)
    status, said, error = simpgan(*command)
    assert status == 0, error
    (run_id,) = kubeflow.runs
    experiment = tracking_server.get_experiment_by_name(os.environ["MLFLOW_EXPERIMENT_NAME"]).experiment_id
    page = f"{mlflow_server.url}/#/experiments/{experiment}"
    link = said.splitlines()[-1].removeprefix("MLflow:   ")
    assert unquote(link) == f"{page}?searchFilter=tags.`simpgan.pipeline_run` = '{run_id}'"


def test_without_an_answer_of_mlflow_the_link_is_its_first_page(kubeflow, simpgan, file, monkeypatch):
    command = ["submit", "file", file, "--host", kubeflow.address, "--parameter", "first=a", "--parameter", "others=[]"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9/mlflow/")
    status, said, _ = simpgan(*command)
    assert (status, said.splitlines()[-1]) == (0, "MLflow:   http://127.0.0.1:9/mlflow")


def test_the_data_root_of_a_profile_is_taken_and_images_without_a_digest_are_told(kubeflow, simpgan, places, tmp_path):
    *data_sets, _, data_root = places
    (tmp_path / "mine.yaml").write_text(f"extends: cpu\ndata_root: {data_root}\n")
    options = ["--profile", tmp_path / "mine.yaml", "--registry", "registry.example/mine"]
    status, _, said = simpgan("submit", "adapt", "--host", kubeflow.address, *data_sets, *options)
    assert status == 0
    assert said.startswith("no digest: evaluate, finish, ingest, pretrain, train_gan, translate: the cluster takes")
    (run,) = kubeflow.runs.values()
    assert run.runtime_config.parameters["data_root"] == data_root
    (version,) = kubeflow.versions.values()
    assert "registry.example/mine/train-gan:latest" in str(version.pipeline_spec)


@pytest.fixture
def registry():
    """The address of a registry of images, in which none is left."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200 if self.path == "/v2/" else 404)
            self.end_headers()

        do_GET = do_HEAD

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_images_that_are_gone_are_refused_and_a_registry_that_is_away_is_told(kubeflow, simpgan, places, registry):
    command = ["submit", "adapt", "--host", kubeflow.address, *places]
    locked = {"digests": {"pretrain": f"sha256:{1:064}", "umdl": f"sha256:{2:064}"}}
    images.LOCK.write_text(json.dumps({"registry": f"{registry}/simpgan", **locked}))
    said = refused(kubeflow, simpgan(*command))
    assert said == f"{registry}/simpgan no longer has the locked images of pretrain, umdl: push and lock again\n"
    images.LOCK.write_text(json.dumps({"registry": "127.0.0.1:9/simpgan", **locked}))
    status, _, said = simpgan(*command)
    assert status == 0
    assert said.startswith("images not looked at: the registry 127.0.0.1:9 does not answer")


def refused(kubeflow, ran):
    """What a command says in its one line; nothing was sent."""
    status, _, said = ran
    assert status == 2
    assert said.count("\n") == 1
    assert not kubeflow.runs
    assert not kubeflow.pipelines
    return said.removeprefix("simpgan: ")


@pytest.mark.parametrize("pipeline", ["adapt", "table1"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "smal"], "unknown preset 'smal': did you mean 'small'?"),
        (["--method", "simpgna"], "--method: unknown method 'simpgna': did you mean"),
        (["--protocol", "folds10:10"], "grid, protocol 'folds10', has no fold 10"),
        (["--set", "train_gan.stpes=1"], "unknown setting 'train_gan.stpes': did you mean 'steps'?"),
        (["--set", "pretrain.epochs=x"], "setting 'pretrain.epochs' = 'x': input should be a valid integer"),
        (["--set", "pretrain.weights=here.safetensors"], "pretrain.weights: the cluster has no folder 'here.safetens"),
        (["--target", "grid:here"], "--target: the cluster has no folder 'here'"),
        (["--target", "grid:s3://no-bucket/grid"], "no such bucket: s3://no-bucket/grid"),
        (["--data-root", "s3://no-bucket/data"], "no such bucket: s3://no-bucket/data"),
        (["--data-root", ""], "no place for images and checkpoints: give --data-root s3://BUCKET/PREFIX"),
        (["--profile", "one-gpo"], "unknown profile 'one-gpo': did you mean 'one-gpu'?"),
        (["--data-root", "here"], "--data-root: the cluster has no folder 'here'"),
        (["--target-name", "market1501"], "source and target are both called market1501"),
    ],
)
def test_a_run_that_cannot_succeed_is_refused_before_anything_is_sent(
    kubeflow, simpgan, places, pipeline, options, message
):
    ran = simpgan("submit", pipeline, "--host", kubeflow.address, *places, *options)
    assert refused(kubeflow, ran).startswith(message)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (["first=a"], "pipeline words: parameter 'others' is missing: give it a value"),
        (["frist=a", "others=[]"], "pipeline words has no parameter 'frist': did you mean 'first'?"),
        (["first=1", "others=[]"], "parameter 'first' = 1: it takes a STRING, which int is not"),
        (["first=a", "others=b"], "parameter 'others' = 'b': it takes a LIST, which str is not"),
        (["first"], "--parameter 'first' is not an assignment: write --parameter data_root=s3://bucket/data"),
        (["first=["], "--parameter 'first=[': the value is not valid YAML: quote it"),
        (["first=s3://no-bucket/a", "others=[]"], "no such bucket: s3://no-bucket/a"),
    ],
)
def test_wrong_parameters_of_a_compiled_pipeline_are_refused(
    kubeflow, simpgan, file, object_store, parameters, message
):
    options = [text for parameter in parameters for text in ("--parameter", parameter)]
    assert refused(kubeflow, simpgan("submit", "file", file, "--host", kubeflow.address, *options)).startswith(message)


def test_a_token_that_has_expired_is_told(kubeflow, simpgan, file, monkeypatch):
    kubeflow.token = "new"
    monkeypatch.setenv("SIMPGAN_KFP_TOKEN", "old")
    command = ["submit", "file", file, "--host", kubeflow.address, "--parameter", "first=a", "--parameter", "others=[]"]
    assert refused(kubeflow, simpgan(*command)).startswith(f"{kubeflow.address} does not take the token, it may have")
