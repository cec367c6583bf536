"""`simpgan schedule`: the server's recurring runs become what the files say, and nothing else changes."""

import kfp_server_api as api
import pytest

from tests.pipelines.cluster.schedules.conftest import PARAMETERS


def test_a_schedule_becomes_a_recurring_run(kubeflow, schedule, folder, write):
    write("weekly", description="Words of the week.", experiment="words")
    assert schedule("apply", "--folder", folder) == ["weekly: created (0 0 3 * * MON UTC)"]
    (recurring,) = kubeflow.recurring_runs.values()
    assert recurring.display_name == "simpgan-weekly"
    assert recurring.description.startswith("Words of the week.\n\nMade by simpgan schedule from weekly.yaml, digest ")
    assert recurring.trigger.cron_schedule.cron == "0 0 3 * * MON"
    assert (recurring.no_catchup, recurring.max_concurrency, recurring.mode) == (True, "1", "ENABLE")
    assert recurring.runtime_config.parameters == PARAMETERS
    assert kubeflow.experiments[recurring.experiment_id].display_name == "words"
    assert schedule("list") == ["weekly: 0 0 3 * * MON UTC, on, since 2026-03-01 12:30 UTC"]


def test_catching_up_concurrency_and_being_off_are_as_written(kubeflow, schedule, folder, write):
    write("weekly", catch_up=True, max_concurrency=3, enabled=False)
    schedule("apply", "--folder", folder)
    (recurring,) = kubeflow.recurring_runs.values()
    assert (recurring.no_catchup, recurring.max_concurrency, recurring.mode) == (False, "3", "DISABLE")
    assert schedule("list") == ["weekly: 0 0 3 * * MON UTC, off, since 2026-03-01 12:30 UTC"]


def test_only_what_differs_changes(kubeflow, schedule, folder, write):
    for name in ("daily", "gone", "weekly"):
        write(name)
    schedule("apply", "--folder", folder)
    before = {each.display_name: identity for identity, each in kubeflow.recurring_runs.items()}
    write("weekly", cron="0 0 3 * * TUE")
    (folder / "gone.yaml").unlink()
    write("new")
    assert schedule("apply", "--folder", folder) == [
        "daily: left as it is (0 0 3 * * MON UTC)",
        "new: created (0 0 3 * * MON UTC)",
        "weekly: replaced (0 0 3 * * TUE UTC)",
        "gone: removed",
    ]
    after = {each.display_name: identity for identity, each in kubeflow.recurring_runs.items()}
    assert set(after) == {"simpgan-daily", "simpgan-new", "simpgan-weekly"}
    assert after["simpgan-daily"] == before["simpgan-daily"]
    assert after["simpgan-weekly"] != before["simpgan-weekly"]
    assert len(kubeflow.versions) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"cron": "0 1 3 * * MON"},
        {"parameters": {**PARAMETERS, "first": "b"}},
        {"catch_up": True},
        {"max_concurrency": 2},
        {"enabled": False},
        {"experiment": "other"},
        {"description": "other"},
    ],
)
def test_any_change_replaces(schedule, folder, write, changes):
    write("weekly")
    schedule("apply", "--folder", folder)
    write("weekly", **changes)
    assert schedule("apply", "--folder", folder)[0].startswith("weekly: replaced")
    assert schedule("apply", "--folder", folder)[0].startswith("weekly: left as it is")


def test_a_pipeline_that_has_changed_replaces(kubeflow, schedule, folder, write, compiled):
    write("weekly")
    schedule("apply", "--folder", folder)
    (folder.parent / "words.yaml").write_text(compiled.read_text().replace("image: words", "image: words@sha256:1"))
    assert schedule("apply", "--folder", folder) == ["weekly: replaced (0 0 3 * * MON UTC)"]
    assert len(kubeflow.versions) == 2


def test_files_that_are_named_are_applied_alone(schedule, folder, write):
    write("daily")
    weekly = write("weekly")
    schedule("apply", "--folder", folder)
    assert schedule("apply", weekly) == ["weekly: left as it is (0 0 3 * * MON UTC)"]
    assert [line.partition(":")[0] for line in schedule("list")] == ["daily", "weekly"]


def foreign(kubeflow, recurring, **changes):
    """A recurring run that somebody else made, with something of one of ours."""
    values = {name: getattr(recurring, name) for name in recurring.openapi_types}
    other = api.V2beta1RecurringRun(**{**values, **changes})
    other.recurring_run_id = f"foreign-{len(kubeflow.recurring_runs)}"
    kubeflow.recurring_runs[other.recurring_run_id] = other
    return other.recurring_run_id


def test_recurring_runs_of_others_stay(kubeflow, schedule, folder, write):
    weekly = write("weekly")
    schedule("apply", "--folder", folder)
    (own,) = kubeflow.recurring_runs.values()
    others = {
        foreign(kubeflow, own, display_name="Clone of simpgan-weekly"),
        foreign(kubeflow, own, description="weekly words"),
        foreign(kubeflow, own, description=None),
    }
    assert len(schedule("list")) == 1
    write("weekly", cron="0 0 3 * * TUE")
    assert schedule("apply", "--folder", folder) == ["weekly: replaced (0 0 3 * * TUE UTC)"]
    weekly.unlink()
    assert schedule("apply", "--folder", folder) == ["weekly: removed"]
    assert schedule("remove", "--all") == []
    assert set(kubeflow.recurring_runs) == others


def test_of_two_that_an_interrupted_apply_left_the_newest_stays(kubeflow, schedule, folder, write):
    write("weekly")
    schedule("apply", "--folder", folder)
    (own,) = kubeflow.recurring_runs.values()
    second = foreign(kubeflow, own)
    assert schedule("apply", "--folder", folder) == ["weekly: left as it is (0 0 3 * * MON UTC)"]
    assert list(kubeflow.recurring_runs) == [second]


def test_one_that_was_switched_off_by_hand_stays_off_and_is_told(kubeflow, schedule, folder, write):
    write("weekly")
    schedule("apply", "--folder", folder)
    (recurring,) = kubeflow.recurring_runs.values()
    recurring.mode = "DISABLE"
    assert schedule("apply", "--folder", folder) == [
        "weekly: left as it is, disabled on the server by hand (0 0 3 * * MON UTC)"
    ]
    assert recurring.mode == "DISABLE"


def test_schedules_are_removed_by_name_or_file(kubeflow, schedule, folder, write):
    for name in ("daily", "monthly", "weekly"):
        write(name)
    schedule("apply", "--folder", folder)
    (folder / "weekly.yaml").unlink()
    assert schedule("remove", folder / "weekly.yaml", "daily", "never") == [
        "daily: removed",
        "weekly: removed",
        "never: not on the server",
    ]
    assert schedule("remove", "--all") == ["monthly: removed"]
    assert not kubeflow.recurring_runs
    assert schedule("remove", status=2) == "give the files or names of the schedules to remove, or --all\n"
