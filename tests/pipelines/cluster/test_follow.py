"""Following a run: its stages, what they wait for, and why it failed."""

from contextlib import suppress

import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import stage_run
from simpgan.pipelines.cluster.follow import RunCancelled, follow
from simpgan.pipelines.runner.errors import StageFailed
from tests.pipelines.cluster import kubernetes_server
from tests.pipelines.kubeflow_tasks import Workflow

EVENTS = "kubectl get events --namespace kubeflow --field-selector type=Warning --sort-by lastTimestamp"


@pytest.fixture
def run_id(kubeflow, server, pipeline):
    arguments = {"first": "a", "others": [{"word": "b"}]}
    return server.start(server.upload(pipeline), arguments, "words, 12:00", "trials")


@pytest.fixture
def cluster(kubeflow, tmp_path, monkeypatch):
    """A cluster whose pods this shell may look at."""
    with kubernetes_server.served(tmp_path) as (cluster, kubeconfig):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        yield cluster


@pytest.fixture
def record(kubeflow, run_id, tmp_path, monkeypatch):
    """Records a stage of the run in MLflow; it fails with an error if one is given."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def record(stage, error=None):
        with monkeypatch.context() as pod:
            pod.setenv("KFP_RUN_ID", run_id)
            with suppress(UserError, ValueError, KeyboardInterrupt), stage_run(stage, settings={}):
                if error:
                    raise error

    return record


def failing(kubeflow, stage="write"):
    """Let the next run fail at a stage, as the server tells it: without a reason."""
    workflow = Workflow()
    workflow.stage(stage, state="FAILED", seconds=3)
    kubeflow.progress = [{"state": "FAILED", "tasks": workflow.tasks()}]


def failure(server, run_id):
    with pytest.raises(StageFailed) as error:
        follow(server, run_id, between=0)
    said = str(error.value)
    assert "\n" not in said
    return said


def test_each_stage_is_shown_when_it_starts_and_when_it_ends_and_nothing_else_is(kubeflow, server, run_id, capsys):
    workflow = Workflow()
    kubeflow.progress = [{"state": "PENDING"}, {"state": "RUNNING", "tasks": workflow.tasks()}]
    for stage, state, seconds in [
        ("write", "RUNNING", None),
        ("write", "SUCCEEDED", 34),
        ("join", "RUNNING", None),
        ("join", "SUCCEEDED", 5),
    ]:
        workflow.stage(stage, state=state, seconds=seconds)
        kubeflow.progress.append({"state": "RUNNING", "tasks": workflow.tasks()})
    kubeflow.progress.append({"state": "SUCCEEDED", "tasks": workflow.tasks()})
    assert follow(server, run_id, between=0).state == "SUCCEEDED"
    assert capsys.readouterr().err.splitlines() == [
        "write: running",
        "write: succeeded after 34 s",
        "join: running",
        "join: succeeded after 5 s",
    ]


def test_a_stage_from_the_cache_is_shown_as_such(kubeflow, server, run_id, capsys):
    workflow = Workflow()
    workflow.stage("write", state="SUCCEEDED", seconds=0, cached=True)
    kubeflow.progress = [{"state": "SUCCEEDED", "tasks": workflow.tasks()}]
    follow(server, run_id, between=0)
    assert capsys.readouterr().err.splitlines() == ["write: from the cache"]


# Why it failed


def test_a_failed_run_says_the_reason_that_the_stage_recorded(kubeflow, server, run_id, record):
    record("write", UserError("no champion of 'cameras': use simpgan promote"))
    failing(kubeflow)
    assert failure(server, run_id) == (
        "the run failed at write (no champion of 'cameras': use simpgan promote): "
        f"see {kubeflow.address}/#/runs/details/{run_id}"
    )


def test_a_stage_that_failed_comes_before_one_that_was_ended_with_it(kubeflow, server, run_id, record):
    record("join", KeyboardInterrupt())
    record("write", ValueError("a mistake"))
    failing(kubeflow)
    assert "(ValueError: a mistake)" in failure(server, run_id)


def test_without_a_recorded_reason_the_pod_tells_it(kubeflow, server, run_id, cluster):
    failing(kubeflow)
    terminated = {"exitCode": 137, "reason": "OOMKilled"}
    statuses = [
        {
            "name": "main",
            "state": {"terminated": terminated},
            "image": "",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
        }
    ]
    cluster.add_pod(run_id, "words-1", "write(0).executor", "Failed", containerStatuses=statuses)
    assert "the run failed at write (pod words-1: OOMKilled): see" in failure(server, run_id)


def test_the_exception_in_the_pods_log_is_the_reason(kubeflow, server, run_id, cluster):
    failing(kubeflow)
    cluster.add_pod(run_id, "words-1", "write(0).executor", "Failed")
    cluster.logs["words-1"] = (
        "writing\nTraceback (most recent call last):\n  File ...\n    raise\n"
        "simpgan.components.core.errors.UserError: the word is refused: remove the file\n"
        "I0301 launcher: exit status 1\n"
    )
    assert "(pod words-1: the word is refused: remove the file)" in failure(server, run_id)


@pytest.mark.parametrize("forbidden", [True, False])
def test_where_no_pod_can_be_looked_at_the_command_is_given(kubeflow, server, run_id, cluster, monkeypatch, forbidden):
    failing(kubeflow)
    cluster.forbidden = forbidden
    if not forbidden:
        monkeypatch.setenv("KUBECONFIG", "/dev/null")
    command = f"kubectl logs --namespace kubeflow --selector pipeline/runid={run_id} --container main --tail 20"
    assert f"the run failed at write (for the reason: {command}): see" in failure(server, run_id)


def test_a_failed_driver_is_named_by_its_stage(kubeflow, server, run_id):
    workflow = Workflow()
    workflow.add_with_driver(workflow.root, "write", "FAILED", 3)
    workflow.add(f"{workflow.root}.write-driver", workflow.root, "FAILED", 3)
    kubeflow.progress = [{"state": "FAILED", "tasks": workflow.tasks()}]
    assert failure(server, run_id).startswith("the run failed at write (")


def test_a_cancelled_run_has_ended(kubeflow, server, run_id):
    kubeflow.progress = [{"state": "CANCELING"}, {"state": "CANCELED"}]
    with pytest.raises(RunCancelled, match="the run was cancelled: see http"):
        follow(server, run_id, between=0)


# What it waits for


def waiting(kubeflow, times=3):
    """Let the next run wait at its first stage, as the server tells it: as if it ran."""
    workflow = Workflow()
    workflow.stage("write")
    running = [{"state": "RUNNING", "tasks": workflow.tasks()}] * times
    workflow.stage("write", state="SUCCEEDED", seconds=90)
    kubeflow.progress = [*running, {"state": "SUCCEEDED", "tasks": workflow.tasks()}]


@pytest.mark.parametrize("part", ["write(0).executor", "write-driver"])
def test_a_stage_whose_pod_waits_says_for_what_once(kubeflow, server, run_id, cluster, capsys, part):
    waiting(kubeflow)
    cluster.add_pod(run_id, "words-1", part, "Pending")
    cluster.warnings["words-1"] = ["0/3 nodes are available", "0/3 nodes are available: 3 Insufficient cpu."]
    follow(server, run_id, between=0, patience=0)
    first, second, third = capsys.readouterr().err.splitlines()
    assert (first, third) == ("write: running", "write: succeeded after 90 s")
    assert second.startswith("write has waited for ")
    assert second.endswith(" s (pod words-1): 0/3 nodes are available: 3 Insufficient cpu.")


def test_an_image_that_cannot_be_pulled_is_told_from_the_state_of_the_container(
    kubeflow, server, run_id, cluster, capsys
):
    waiting(kubeflow)
    state = {"waiting": {"reason": "ImagePullBackOff"}}
    statuses = [{"name": "main", "state": state, "image": "", "imageID": "", "ready": False, "restartCount": 0}]
    cluster.add_pod(run_id, "words-1", "write(0).executor", "Pending", containerStatuses=statuses)
    follow(server, run_id, between=0, patience=0)
    assert "(pod words-1): ImagePullBackOff" in capsys.readouterr().err


def test_pods_that_run_wait_for_nothing(kubeflow, server, run_id, cluster, capsys):
    waiting(kubeflow)
    cluster.add_pod(run_id, "words-1", "write(0).executor", "Running")
    follow(server, run_id, between=0, patience=0)
    assert "has waited" not in capsys.readouterr().err


def test_without_a_kubeconfig_the_command_that_shows_the_events_is_given_once(kubeflow, server, run_id, capsys):
    waiting(kubeflow)
    follow(server, run_id, between=0, patience=0)
    said = capsys.readouterr().err
    assert said.count(EVENTS) == 1
    assert "write has not ended after " in said


def test_a_stage_that_has_begun_its_run_in_mlflow_does_not_wait(kubeflow, server, run_id, record, capsys):
    record("write")
    waiting(kubeflow)
    follow(server, run_id, between=0, patience=0)
    assert EVENTS not in capsys.readouterr().err


def test_nothing_is_said_of_waiting_before_its_time(kubeflow, server, run_id, cluster, capsys):
    waiting(kubeflow)
    cluster.add_pod(run_id, "words-1", "write(0).executor", "Pending")
    follow(server, run_id, between=0, patience=3600)
    assert "has waited" not in capsys.readouterr().err


# Servers that are away


def test_a_server_that_is_away_for_a_while_is_waited_for(kubeflow, server, run_id):
    kubeflow.failing = 3
    assert follow(server, run_id, between=0).state == "SUCCEEDED"
    kubeflow.failing = 3
    with pytest.raises(UserError) as error:
        follow(server, run_id, between=0, away=0)
    assert str(error.value).startswith(f"{kubeflow.address} has been away for 0 s, the run may go on")


def test_a_token_that_expires_while_waiting_is_told(kubeflow, server, run_id):
    kubeflow.token = "new"
    with pytest.raises(UserError) as error:
        follow(server, run_id, between=0)
    assert str(error.value).startswith(f"{kubeflow.address} asks for a token")
