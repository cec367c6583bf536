"""A run that a schedule has started goes on to its end, unless it is ended by --now."""

import pytest

from simpgan.components.core.tracking import open_pipeline, parent_run
from simpgan.components.core.tracking.client import connect


@pytest.fixture
def running(kubeflow, schedule, folder, write):
    """The id of a run that the schedule `weekly` has started, and of its recurring run."""
    write("weekly")
    schedule("apply", "--folder", folder)
    (recurring,) = kubeflow.recurring_runs
    return kubeflow.fire(recurring), recurring


ENDING = "weekly: 0 0 3 * * MON UTC, ends with simpgan-weekly-0, since 2026-03-01 12:30 UTC"
REPLACEMENT = "weekly: 0 0 3 * * TUE UTC, on, since 2026-03-01 12:30 UTC"
GOES_ON = "; still running to its end: simpgan-weekly-0"


@pytest.mark.parametrize("command", ["apply", "list", "remove"])
def test_the_run_of_a_schedule_that_changes_goes_on_and_its_recurring_run_is_deleted_by_a_later_command(
    kubeflow, schedule, folder, write, running, command
):
    run, recurring = running
    path = write("weekly", cron="0 0 3 * * TUE")
    assert schedule("apply", "--folder", folder) == [f"weekly: replaced (0 0 3 * * TUE UTC){GOES_ON}"]
    assert schedule("apply", "--folder", folder) == [f"weekly: left as it is (0 0 3 * * TUE UTC){GOES_ON}"]
    assert schedule("list") == [REPLACEMENT, ENDING]
    assert kubeflow.recurring_runs[recurring].mode == "DISABLE"
    assert run in kubeflow.owners
    kubeflow.end(run)
    schedule(command, *{"apply": [path], "list": [], "remove": ["weekly"]}[command])
    assert recurring not in kubeflow.recurring_runs
    assert len(kubeflow.recurring_runs) == (0 if command == "remove" else 1)
    assert kubeflow.runs[run].state == "SUCCEEDED"


def test_a_schedule_that_is_removed_waits_for_its_run(kubeflow, schedule, folder, write, running):
    run, _ = running
    (folder / "weekly.yaml").unlink()
    assert schedule("apply", "--folder", folder) == [f"weekly: removed{GOES_ON}"]
    assert schedule("remove", "weekly") == [f"weekly: removed{GOES_ON}"]
    assert schedule("list") == [ENDING]
    assert {each.mode for each in kubeflow.recurring_runs.values()} == {"DISABLE"}
    assert run in kubeflow.owners
    kubeflow.end(run)
    assert schedule("list") == []
    assert not kubeflow.recurring_runs


def test_a_schedule_that_comes_back_while_its_run_goes_on_is_on_again(kubeflow, schedule, folder, write, running):
    run, _ = running
    schedule("remove", "weekly")
    assert schedule("apply", "--folder", folder) == [f"weekly: created (0 0 3 * * MON UTC){GOES_ON}"]
    assert schedule("list") == ["weekly: 0 0 3 * * MON UTC, on, since 2026-03-01 12:30 UTC", ENDING]
    kubeflow.end(run)
    assert schedule("apply", "--folder", folder) == ["weekly: left as it is (0 0 3 * * MON UTC)"]
    assert [each.mode for each in kubeflow.recurring_runs.values()] == ["ENABLE"]


def test_one_that_is_switched_off_by_hand_while_its_run_goes_on_is_not_removed(kubeflow, schedule, folder, running):
    run, recurring = running
    kubeflow.recurring_runs[recurring].mode = "DISABLE"
    assert schedule("list") == ["weekly: 0 0 3 * * MON UTC, off, since 2026-03-01 12:30 UTC"]
    kubeflow.end(run)
    schedule("list")
    assert list(kubeflow.recurring_runs) == [recurring]


@pytest.mark.parametrize("command", ["apply", "remove"])
def test_now_ends_the_run_and_closes_it_in_mlflow(
    kubeflow, schedule, folder, write, running, command, tmp_path, monkeypatch
):
    run, recurring = running
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setattr(parent_run, "SETTLING_SECONDS", 0.0)
    opened = open_pipeline(run, "weekly words", {}, {})
    write("weekly", cron="0 0 3 * * TUE")
    line, *_ = schedule(command, *{"apply": ["--folder", folder], "remove": ["weekly"]}[command], "--now")
    assert line.endswith("; ended: simpgan-weekly-0")
    assert kubeflow.runs[run].state == "CANCELED"
    closed = connect().get_run(opened.info.run_id)
    assert closed.info.status == "KILLED"
    assert closed.data.tags["simpgan.reason"] == "ended by simpgan schedule with --now"
    schedule("list")
    assert recurring not in kubeflow.recurring_runs


def test_now_removes_a_schedule_whose_run_counts_as_running_although_its_workflow_is_gone(
    kubeflow, schedule, folder, running
):
    run, _ = running
    del kubeflow.owners[run]
    assert schedule("remove", "weekly") == [f"weekly: removed{GOES_ON}"]
    assert schedule("remove", "weekly", "--now") == ["weekly: removed; ended: simpgan-weekly-0"]
    schedule("list")
    assert not kubeflow.recurring_runs
