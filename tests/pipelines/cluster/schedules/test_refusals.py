"""What `simpgan schedule` refuses, each in one line."""

import shutil
import subprocess
import sys

import pytest


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
        ({"pipeline": "adapt", "parameters": None}, "'source' is missing: labelled data sets, "),
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
