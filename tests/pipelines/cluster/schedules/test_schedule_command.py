"""`simpgan schedule`: the server's recurring runs become what the files say, and nothing else changes."""

import shutil
import subprocess
import sys

import kfp_server_api as api
import pytest
import yaml
from kfp.compiler import Compiler

from simpgan.components.core import images
from simpgan.components.core.tracking import open_pipeline, parent_run
from simpgan.components.core.tracking.client import connect
from simpgan.pipelines import cli
from simpgan.pipelines.cluster.schedules import FOLDER
from tests.pipelines.graphs.compiled_tasks import dags
from tests.pipelines.words import words

WORDS = {"pipeline": "words.yaml", "cron": "0 0 3 * * MON"}
PARAMETERS = {"first": "a", "others": [{"word": "b"}]}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    path = tmp_path_factory.mktemp("compiled") / "words.yaml"
    Compiler().compile(words, str(path))
    return path


@pytest.fixture
def folder(tmp_path, compiled):
    """A folder for schedules, beside one with a compiled pipeline."""
    (tmp_path / "schedules").mkdir()
    shutil.copy(compiled, tmp_path / "words.yaml")
    return tmp_path / "schedules"


@pytest.fixture
def write(folder):
    """Writes a schedule of the pipeline `words`, changed as told."""

    def write(name, **changes):
        content = {**WORDS, "pipeline": "../words.yaml", "parameters": PARAMETERS, **changes}
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
        return path

    return write


@pytest.fixture
def schedule(monkeypatch, capsys, kubeflow):
    """Runs a command of `simpgan schedule`; returns what it said, by default without an error."""

    def schedule(command, *arguments, status=0):
        monkeypatch.setattr(
            sys, "argv", ["simpgan", "schedule", command, "--host", kubeflow.address, *map(str, arguments)]
        )
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert (ended.value.code or 0) == status, said.err
        return said.out.splitlines() if status == 0 else said.err.removeprefix("simpgan: ")

    return schedule


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


def test_a_scheduled_adapt_looks_at_its_data_every_time(kubeflow, schedule, folder, object_store, monkeypatch):
    object_store.fill({"market/a.jpg": b"1", "grid/a.jpg": b"2"})
    at = object_store.location
    monkeypatch.setattr(images, "LOCK", folder / "no-digests.json")
    content = yaml.safe_load((FOLDER / "weekly-adapt.yaml").read_text())
    content["options"] |= {"source": f"market1501:{at}/market", "target": f"grid:{at}/grid", "data-root": f"{at}/data"}
    path = folder / "weekly.yaml"
    path.write_text(yaml.safe_dump(content))
    assert schedule("apply", path) == ["weekly: created (0 30 2 * * SUN UTC)"]
    (version,) = kubeflow.versions.values()
    components = version.pipeline_spec["pipeline_spec"]["components"]
    graphs = dags(version.pipeline_spec["pipeline_spec"])
    every = {name: task for graph in graphs for name, task in graph.items()}
    assert {
        name: bool(task.get("cachingOptions"))
        for name, task in every.items()
        if "executorLabel" in components[task["componentRef"]["name"]]
    } == {
        "finish": False,
        "ingest": False,
        "ingest-2": False,
        "check": True,
        "pretrain": True,
        "train-gan": True,
        "translate": True,
        "evaluate": True,
    }
    pods = version.pipeline_spec["pipeline_spec"]["deploymentSpec"]["executors"].values()
    names = {each["value"] for pod in pods for each in pod["container"]["env"] if each["name"] == "SIMPGAN_PIPELINE"}
    (name,) = names
    assert name.startswith("adapt market1501 to station, ")
    object_store.fill({"grid/b.jpg": b"3"})
    assert schedule("apply", path) == ["weekly: left as it is (0 30 2 * * SUN UTC)"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crno": "0 0 3 * * *"}, "unknown key 'crno': did you mean 'cron'?"),
        ({"cron": None}, "'cron' is missing: second minute hour day-of-month month day-of-week"),
        ({"cron": "0 3 * * *"}, "cron '0 3 * * *' has 5 fields, not six"),
        ({"cron": "0 0 25 * * *"}, "cron '0 0 25 * * *', hours: '25' is not from 0 to 23"),
        (
            {"time_zone": "Asia/Tokyo"},
            "there is no key 'time_zone', since the server's clock is UTC: write cron in UTC",
        ),
        ({"max_concurrency": 11}, "setting 'max_concurrency' = 11: input should be less than or equal to 10"),
        ({"catch_up": "maybe"}, "setting 'catch_up' = 'maybe': input should be a valid boolean"),
        ({"parameters": {"frist": "a"}}, "pipeline words has no parameter 'frist': did you mean 'first'?"),
        ({"parameters": {"first": "a", "others": 1}}, "parameter 'others' = 1: it takes a LIST, which int is not"),
        ({"parameters": {"first": "s3://no-bucket/a", "others": []}}, "no such bucket: s3://no-bucket/a"),
        ({"pipeline": "../gone.yaml"}, "{folder}/../gone.yaml: No such file or directory: give a pipeline's YAML"),
        ({"pipeline": "adatp"}, "unknown pipeline 'adatp': did you mean 'adapt'?"),
        ({"pipeline": "adapt"}, "'parameters' are for the file of a compiled pipeline: write options"),
        ({"options": {"seed": 1}}, "'options' are for the pipelines that have a name: write parameters"),
        ({"pipeline": "adapt", "parameters": None}, "'target' is missing: data set to adapt to"),
        (
            {"pipeline": "adapt", "parameters": None, "options": {"targte": "grid:s3://a/b"}},
            "unknown key 'targte': did you mean 'target'?",
        ),
        (
            {
                "pipeline": "adapt",
                "parameters": None,
                "options": {"source": "market1501:s3://no-bucket/a", "target": "grid:s3://a/b", "data-root": "s3://a"},
            },
            "no such bucket: s3://no-bucket/a",
        ),
    ],
)
def test_a_wrong_schedule_is_refused_in_one_line_before_any_is_applied(
    kubeflow, schedule, folder, write, object_store, changes, message
):
    write("a-good-one")
    path = write("weekly", **changes)
    said = schedule("apply", "--folder", folder, status=2)
    assert said.startswith(f"schedule {path}: {message.format(folder=folder)}")
    assert said.count("\n") == 1
    assert not kubeflow.recurring_runs
    assert not kubeflow.versions


@pytest.mark.parametrize("content", ["- 1", "", "a: [", "\x00"])
def test_a_file_that_is_no_schedule_is_refused(schedule, folder, content):
    (folder / "weekly.yaml").write_text(content)
    said = schedule("apply", "--folder", folder, status=2)
    assert said.startswith(f"schedule {folder / 'weekly.yaml'} ")
    assert said.count("\n") == 1


def test_files_and_folders_that_are_not_there_are_refused(schedule, folder, write, tmp_path):
    assert "No such file or directory: give the YAML" in schedule("apply", folder / "gone.yaml", status=2)
    assert "there is no such folder: give one" in schedule("apply", "--folder", folder / "gone", status=2)
    weekly = write("weekly")
    other = tmp_path / "weekly.yaml"
    shutil.copy(weekly, other)
    assert f"{weekly} and {other} are both called 'weekly'" in schedule("apply", weekly, other, status=2)


def test_a_server_that_is_away_is_told_in_one_line():
    """In a process of its own, since pytest keeps what libraries log from the terminal."""
    command = [sys.executable, "-m", "simpgan.pipelines.cli", "schedule", "list", "--host", "http://127.0.0.1:9"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("simpgan: cannot reach Kubeflow Pipelines at http://127.0.0.1:9 (")
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.yaml")))
def test_the_schedules_that_ship_name_buckets_that_are_nobodys(kubeflow, schedule, object_store, folder, file):
    content = yaml.safe_load((FOLDER / file).read_text())
    places = [value for value in content["options"].values() if "s3://" in str(value)]
    assert places
    assert all("s3://your-bucket" in place for place in places)
    assert "no such bucket: s3://your-bucket" in schedule("apply", FOLDER / file, status=2)
    assert not kubeflow.recurring_runs


def test_a_scheduled_retraining_starts_one_run_at_a_time_and_makes_up_for_none(
    kubeflow, schedule, folder, object_store, monkeypatch
):
    monkeypatch.setattr(images, "LOCK", folder / "no-digests.json")
    content = yaml.safe_load((FOLDER / "nightly-retrain.yaml").read_text())
    content["options"] |= {"location": f"{object_store.location}/station", "data-root": f"{object_store.location}/data"}
    path = folder / "nightly.yaml"
    path.write_text(yaml.safe_dump(content))
    assert schedule("apply", path) == ["nightly: created (0 30 1 * * * UTC)"]
    (recurring,) = kubeflow.recurring_runs.values()
    assert (recurring.no_catchup, recurring.max_concurrency) == (True, "1")
    object_store.fill({"station/gate 1/1.jpg": b"new"})
    assert schedule("apply", path) == ["nightly: left as it is (0 30 1 * * * UTC)"]
