"""The local runner: what is done stays done, what failed does not count, and its reason is one line."""

import fcntl
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from kfp import dsl

from simpgan.components.core.errors import UserError
from simpgan.pipelines.runner import local
from simpgan.pipelines.runner.errors import StageFailed
from simpgan.pipelines.runner.folder_lock import FolderLock
from simpgan.pipelines.runner.local import describe, run_pipeline
from simpgan.pipelines.runner.stage_process import Processes, code_digest
from tests.pipelines.words import asked, pages, words

pytestmark = pytest.mark.local


@pytest.fixture
def run(tmp_path, capfd):
    """Runs the pipeline of words in one folder; returns its text and the lines of progress."""

    def run(*given: str) -> tuple[str, list[str]]:
        arguments = {"first": given[0], "others": [{"word": word} for word in given[1:]]}
        capfd.readouterr()
        with FolderLock(tmp_path) as lock:
            text = run_pipeline(words, arguments, tmp_path, Processes(lock)).output.read_text()
        printed = capfd.readouterr()
        assert printed.out == ""
        return text, [line.rpartition(":")[0] if line.endswith(" s") else line for line in printed.err.splitlines()]

    return run


def outputs(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.rglob("word.txt"))


def test_stages_run_in_order_and_tell_their_progress(run):
    text, lines = run("one", "two", "three")
    assert text == "one two three"
    wrote = [line for word in ("one", "two", "three") for line in ("write ...", f"    writing {word}", "write")]
    assert lines == [*wrote, "join ...", "join"]


def test_what_is_done_comes_from_the_cache_and_only_the_rest_runs(run):
    run("one", "two")
    assert run("one", "two") == ("one two", ["write: from cache"] * 2 + ["join: from cache"])
    text, lines = run("one", "two", "three")
    assert text == "one two three"
    assert lines == ["write: from cache"] * 2 + ["write ...", "    writing three", "write", "join ...", "join"]


def test_a_deleted_output_is_made_again_but_nothing_that_would_be_made_from_the_same_content(run, tmp_path):
    run("one", "two")
    shutil.rmtree(outputs(tmp_path)[0])
    _, lines = run("one", "two")
    assert sorted(line for line in lines if not line.startswith(" ")) == [
        "join: from cache",
        "write",
        "write ...",
        "write: from cache",
    ]


def test_a_copy_of_a_folder_has_all_that_is_done_in_itself(run, tmp_path, capfd):
    run("one", "two")
    out = tmp_path.with_name("copy")
    shutil.copytree(tmp_path, out)
    shutil.rmtree(tmp_path)
    with FolderLock(out) as lock:
        arguments = {"first": "one", "others": [{"word": "two"}, {"word": "three"}]}
        finished = run_pipeline(words, arguments, out, Processes(lock))
    assert capfd.readouterr().err.splitlines()[:2] == ["write: from cache"] * 2
    assert finished.output.read_text() == "one two three"
    assert all(each.is_relative_to(out) for each in finished.inputs_of("join"))
    assert not tmp_path.exists()
    tmp_path.mkdir()


def test_where_the_data_are_makes_no_difference_to_the_cache(tmp_path):
    with FolderLock(tmp_path) as lock:
        stages = local.Stages(tmp_path, Processes(lock))
        command = ["--function_to_execute", "write"]
        given = [{"word": "one", "data_root": each} for each in ("/here", "/there")] + [{"word": "two"}]
        keys = [stages.compute_key("write", "words", command, arguments) for arguments in given]
    assert keys[0] == keys[1] != keys[2]


def test_a_loop_in_a_loop_has_the_items_of_both(tmp_path):
    arguments = {name: [{"word": word} for word in both] for name, both in (("beginnings", "ab"), ("others", "xy"))}
    with FolderLock(tmp_path) as lock:
        finished = run_pipeline(pages, arguments, tmp_path, Processes(lock))
    assert (finished.output / "word.txt").read_text() == "((a x)(a y))((b x)(b y))"
    assert len(finished.inputs_of("bind")) == 2 * (2 + 2) + 2
    assert finished.inputs_of("write") == []


def test_what_the_cache_must_not_answer_runs_every_time_and_decides_about_the_rest(tmp_path):
    def stages(word):
        with FolderLock(tmp_path) as lock:
            finished = run_pipeline(asked, {"word": word}, tmp_path, Processes(lock))
        return sorted(stage for stage, _ in finished.tasks)

    assert stages("no") == ["ask", "write"]
    assert stages("yes") == ["ask", "bind", "write", "write", "write"]
    logs = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "logs").glob("*.log")}
    assert stages("yes") == ["ask", "bind", "write", "write", "write"]
    again = {path.name for path in (tmp_path / "logs").glob("*.log") if logs[path.name] != path.stat().st_mtime_ns}
    assert again == {"ask.log", "kfp.log"}
    options = asked.pipeline_spec.root.dag.tasks["ask"].caching_options
    assert not options.enable_cache, "the pipeline is as it was"


def test_a_stage_in_two_places_of_the_graph_runs_once(run):
    _, lines = run("one", "one")
    assert lines == ["write ...", "    writing one", "write", "write: from cache", "join ...", "join"]


def manifest(name: str) -> dsl.Dataset:
    return dsl.Dataset(uri="somewhere", metadata={"name": name, "digest": "0"})


TRANSLATOR = {"method": "simpgan", "protocol": "folds10", "fold": "3", "variant": "rate=1", "source": "a", "seed": "2"}


@pytest.mark.parametrize(
    ("stage", "arguments", "described"),
    [
        ("ingest", {"layout": "grid", "settings": "{}"}, "ingest grid"),
        ("pretrain", {"settings": '{"seed": 1}', "source": manifest("a")}, "pretrain (a, seed 1)"),
        (
            "train_gan",
            {**TRANSLATOR, "changes": '{"rate": 0.1}', "settings": '{"seed": 1}', "source": manifest("a")},
            "train_gan simpgan folds10:3 rate=0.1 (a, seed 1)",
        ),
        (
            "translate",
            {"settings": "{}", "images": manifest("b"), "translator": dsl.Model(uri="m", metadata=TRANSLATOR)},
            "translate simpgan folds10:3 rate=1 (a, seed 2)",
        ),
        (
            "pretrain",
            {
                "settings": '{"seed": 2}',
                "source": dsl.Dataset(uri="t", metadata={**TRANSLATOR, "variant": "", "direction": "source-to-target"}),
            },
            "pretrain source-to-target folds10:3 (a, seed 2)",
        ),
        (
            "umdl",
            {"protocol": "all250", "fold": "0", "settings": '{"seed": 0}', "source": manifest("a")},
            "umdl all250:0 (a, seed 0)",
        ),
        ("summarise", {"settings": '{"seed": 0}', "results": []}, "summarise"),
        ("ingest_part", {"part": "3", "settings": "{}", "listing": manifest("a")}, "ingest_part 3"),
    ],
)
def test_a_stage_is_told_from_the_others_by_what_it_works_on(stage, arguments, described):
    assert describe(stage, arguments) == described


def test_a_stage_that_refuses_ends_the_run_with_its_reason_and_is_not_in_the_cache(run, tmp_path, capfd):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UserError, match=r"^the word is refused: remove the file$"):
        run("one", f"unless {file}", "three")
    assert [path.name for path in tmp_path.rglob("word.txt")] == ["word.txt"], "a stage was started after a failure"
    progress = capfd.readouterr()
    assert "Traceback" not in progress.out + progress.err
    file.unlink()
    text, lines = run("one", f"unless {file}", "three")
    assert text == "one kept three"
    assert lines[0] == "write: from cache"
    assert "write ..." in lines


def test_a_mistake_in_a_stage_is_told_in_a_line_that_names_the_log(run, tmp_path):
    with pytest.raises(StageFailed) as failed:
        run("mistake", "two")
    log = tmp_path / "logs" / "write.log"
    assert str(failed.value) == f"write failed: ValueError: a mistake (all it said: {log})"
    assert "Traceback" in log.read_text()


@pytest.fixture
def no_pause(monkeypatch):
    monkeypatch.setattr(local, "PAUSE_SECONDS", 0)


@pytest.mark.usefixtures("no_pause")
def test_a_stage_that_is_killed_every_time_has_failed(run, capfd, tmp_path):
    with pytest.raises(StageFailed, match=r"^write failed: ended without a word, as when memory runs out"):
        run("one", "killed")
    again = [line for line in capfd.readouterr().err.splitlines() if "again" in line]
    assert again == [f"write: killed, trying again in 0 s ({attempt} of 2)" for attempt in (1, 2)]
    assert (tmp_path / "logs" / "write-2.log").read_text().count("writing killed") == 3


@pytest.mark.usefixtures("no_pause")
def test_a_stage_that_was_killed_once_is_tried_again_and_succeeds(run, tmp_path):
    text, lines = run("one", f"killed once {tmp_path / 'file'}")
    assert text == "one once"
    assert "write: killed, trying again in 0 s (1 of 2)" in lines


def test_what_a_stage_says_itself_is_not_tried_again(run, capfd):
    with pytest.raises(StageFailed):
        run("mistake", "two")
    assert "again" not in capfd.readouterr().err


def test_a_full_disk_is_for_the_user_to_put_right(run):
    with pytest.raises(UserError, match=r"^write: cannot write: No space left on device: 'shards': free some space"):
        run("full", "two")


def test_one_run_at_a_time_in_a_folder(tmp_path):
    with FolderLock(tmp_path), pytest.raises(UserError, match="another run is working in"), FolderLock(tmp_path):
        pass
    with FolderLock(tmp_path):
        pass


RUN_SLOWLY = """
import sys
from pathlib import Path
from simpgan.pipelines.runner.folder_lock import FolderLock
from simpgan.pipelines.runner.local import run_pipeline
from simpgan.pipelines.runner.stage_process import Processes
from tests.pipelines.words import words
out = Path(sys.argv[1])
with FolderLock(out) as lock:
    run_pipeline(words, {"first": "one", "others": [{"word": "slow"}, {"word": "late"}]}, out, Processes(lock))
"""


@pytest.fixture
def slow_run(tmp_path):
    """A run in a process of its own, in the middle of its slow stage."""
    process = subprocess.Popen([sys.executable, "-c", RUN_SLOWLY, str(tmp_path)], stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "writing slow" in line:
            break
    yield process
    process.kill()
    process.wait()
    process.stderr.close()


def stage_is_running(folder: Path) -> bool:
    """Whether a stage's process holds its lock."""
    with (folder / ".stage.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_stage_in_work_and_starts_no_other(slow_run, tmp_path, sent):
    assert stage_is_running(tmp_path)
    slow_run.send_signal(sent)
    assert slow_run.stderr.readline().startswith("ending write: a training saves its checkpoint first")
    assert slow_run.wait(timeout=30) != 0
    assert not stage_is_running(tmp_path)
    assert len(outputs(tmp_path)) == 1


@pytest.mark.parametrize("words_given", [("one", "two"), ("mistake", "two")])
def test_no_temporary_folder_stays(run, tmp_path, monkeypatch, words_given):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    with suppress(StageFailed):
        run(*words_given)
    assert list(temporary.iterdir()) == []


def test_a_stage_left_over_from_a_killed_run_is_ended_by_the_next_run(slow_run, tmp_path):
    slow_run.kill()
    slow_run.wait()
    assert stage_is_running(tmp_path)
    with FolderLock(tmp_path):
        pass
    assert not stage_is_running(tmp_path)
    assert len(outputs(tmp_path)) == 1, "the stage was waited for to its end"


def test_the_digest_of_the_code_follows_the_stage_and_core_and_no_other_stage(tmp_path):
    for stage in ("core", "pretrain", "evaluate"):
        (tmp_path / stage).mkdir()
        (tmp_path / stage / "code.py").write_text("1")
    before = code_digest("pretrain", tmp_path)
    (tmp_path / "evaluate" / "code.py").write_text("2")
    assert code_digest("pretrain", tmp_path) == before
    (tmp_path / "core" / "code.py").write_text("2")
    changed = code_digest("pretrain", tmp_path)
    (tmp_path / "pretrain" / "more.py").write_text("1")
    assert len({before, changed, code_digest("pretrain", tmp_path)}) == 3
