"""Stages in containers: what is done stays done, what failed is never a success, and its reason is one line."""

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress

import pytest
from docker.errors import ImageNotFound, NotFound
from mlflow.tracking import MlflowClient

from simpgan.components.core.errors import UserError
from simpgan.pipelines.runner import local
from simpgan.pipelines.runner.docker_engine import connect, digest_of
from simpgan.pipelines.runner.errors import StageFailed
from simpgan.pipelines.runner.folder_lock import FolderLock, container_of
from simpgan.pipelines.runner.local import run_pipeline
from simpgan.pipelines.runner.stage_container import Containers
from simpgan.pipelines.runner.stage_log import Ended, StageOutput
from tests.pipelines.words import words

pytestmark = pytest.mark.docker
IMAGE = "words"


@pytest.fixture(scope="module")
def client(engine):
    with closing(connect()) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def words_image(client, stage_images):
    """The image that the pipeline of words asks for: ingest's, which has kfp and core."""
    image = client.images.get(stage_images["ingest"])
    image.tag(IMAGE)
    yield image
    with suppress(ImageNotFound):
        client.images.remove(IMAGE)


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(local, "PAUSE_SECONDS", 0)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def containers(folder):
    """What runs stages in the folder, which it has the lock of."""
    with FolderLock(folder) as lock:
        containers = Containers(lock, [], [])
        containers.check([IMAGE])
        yield containers


@pytest.fixture
def run(containers, folder):
    """Runs the pipeline of words; returns its text."""

    def run(*given: str) -> str:
        arguments = {"first": given[0], "others": [{"word": word} for word in given[1:]]}
        return run_pipeline(words, arguments, folder, containers).output.read_text()

    return run


@pytest.fixture
def ended(containers, folder):
    """Runs a command to its end."""

    def ended(*command: str) -> Ended:
        return containers.start(IMAGE, command, "task", StageOutput(folder / "log")).wait()

    return ended


@pytest.fixture
def is_there(client, folder) -> Callable[[], bool]:
    """Whether there is a container of the folder."""

    def is_there() -> bool:
        try:
            client.containers.get(container_of(folder))
        except NotFound:
            return False
        return True

    return is_there


def test_stages_tell_their_progress_come_from_the_cache_and_leave_no_container(run, capfd, is_there):
    assert run("one", "two") == "one two"
    first = [line.rpartition(":")[0] if line.endswith(" s") else line for line in capfd.readouterr().err.splitlines()]
    wrote = [line for word in ("one", "two") for line in ("write ...", f"    writing {word}", "write")]
    assert first == [*wrote, "join ...", "join"]
    assert run("one", "two") == "one two"
    assert capfd.readouterr().err.splitlines() == ["write: from cache"] * 2 + ["join: from cache"]
    assert not is_there()


def test_what_fails_at_once_has_failed_fifty_times_of_fifty(ended):
    assert [ended("sh", "-c", "exit 3") for _ in range(50)] == [Ended(3)] * 50


def test_a_failed_stage_is_told_as_that_of_a_process_is(run, folder):
    with pytest.raises(StageFailed) as failed:
        run("mistake", "two")
    assert str(failed.value) == f"write failed: ValueError: a mistake (all it said: {folder / 'logs' / 'write.log'})"
    with pytest.raises(UserError, match=r"^the word is refused: remove the file$"):
        run(f"unless {folder}", "two")
    with pytest.raises(UserError, match=r"^write: cannot write: No space left on device: 'shards': free some space"):
        run("full", "two")


def test_output_and_errors_stay_in_the_order_they_were_written_in(ended, folder):
    assert ended("sh", "-c", "for line in $(seq 1000); do echo $line; echo $line >&2; done") == Ended(0)
    assert (folder / "log").read_text() == "".join(f"{line}\n{line}\n" for line in range(1, 1001))


def test_a_container_that_is_killed_is_tried_again(run, folder, capfd):
    assert run("one", f"killed once {folder / 'file'}") == "one once"
    assert "write: killed, trying again in 0 s (1 of 2)" in capfd.readouterr().err
    with pytest.raises(StageFailed, match=r"^write failed: ended without a word, as when memory runs out"):
        run("one", "killed")


def test_a_container_out_of_memory_says_so(containers, ended):
    containers.arguments |= {"mem_limit": "48m", "memswap_limit": "48m"}
    assert ended("python3", "-c", "bytearray(10**9)").reason == "out of memory"


def test_a_container_that_cannot_start_is_told_from_one_that_failed(containers, ended, folder, monkeypatch):
    assert ended("/nothing") == Ended(127)
    assert "/nothing: not found" in (folder / "log").read_text()
    with monkeypatch.context() as here:
        here.setitem(containers.arguments, "working_dir", "not a path")
        nowhere = ended("true")
    assert nowhere.status != 0
    assert nowhere.disturbed == ""
    assert nowhere.reason.startswith("the container did not start: ")
    containers.arguments["device_requests"] = [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]
    without_gpu = ended("true")
    assert without_gpu.disturbed == "the Docker engine failed"
    assert "could not select device driver" in str(StageOutput(folder / "log").failure("pretrain", without_gpu))


def test_an_image_that_is_not_built_is_named_before_anything_starts(run, containers, client, capfd):
    with pytest.raises(UserError, match=r"^no image simpgan/gone:latest, words:gone: make images$"):
        containers.check([IMAGE, "words:gone", "simpgan/gone:latest"])
    client.images.remove(IMAGE)
    try:
        with pytest.raises(UserError, match=r"^no image words: make images$"):
            Containers(containers.lock, [], []).check([IMAGE])
    finally:
        containers.images[IMAGE].tag(IMAGE)
    assert "..." not in capfd.readouterr().err


def test_no_engine(containers, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    with pytest.raises(UserError, match=r"^cannot reach the Docker engine at unix:///nowhere.sock .*: start it, or"):
        Containers(containers.lock, [], [])


def test_a_container_has_the_rights_and_the_environment_that_it_is_given(
    containers, folder, ended, words_image, monkeypatch
):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-nobody-else")
    folder.chmod(0o777)
    containers.arguments["user"] = "12345:12345"
    check = f"""
test "$AWS_SECRET_ACCESS_KEY" = of-nobody-else
test "$SIMPGAN_IMAGE" = "{digest_of(words_image)}"
test "$SIMPGAN_TASK" = task
! touch /here 2>/dev/null
touch "$HOME/here" {folder}/there
python3 -c "import socket; print(socket.gethostbyname(socket.gethostname()))"
"""
    assert ended("sh", "-ec", check) == Ended(0), (folder / "log").read_text()
    assert (folder / "there").stat().st_uid == 12345
    assert (folder / "log").read_text() == "127.0.0.1\n"


def test_secrets_get_into_no_log(run, folder, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-nobody-else")
    with pytest.raises(StageFailed):
        run("mistake", "two")
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"of-nobody-else" in path.read_bytes()]


def test_a_container_records_in_the_sqlite_store_of_the_folder(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/runs/mlflow.db")
    record = "from mlflow.tracking import MlflowClient; MlflowClient().create_experiment('from a container')"
    with FolderLock(folder) as lock:
        containers = Containers(lock, [], [])
        containers.check([IMAGE])
        work = containers.start(IMAGE, ["python3", "-c", record], "task", StageOutput(folder / "log"))
        assert work.wait() == Ended(0), (folder / "log").read_text()
    assert MlflowClient(f"sqlite:///{folder}/runs/mlflow.db").get_experiment_by_name("from a container")


RUN_SLOWLY = """
import sys
from pathlib import Path
from simpgan.pipelines.runner.folder_lock import FolderLock
from simpgan.pipelines.runner.local import run_pipeline
from simpgan.pipelines.runner.stage_container import Containers
from tests.pipelines.words import words
out = Path(sys.argv[1])
others = [{"word": "slow"}, {"word": "late"}]
with FolderLock(out) as lock:
    run_pipeline(words, {"first": "one", "others": others}, out, Containers(lock, [], []))
"""


@pytest.fixture
def slow_run(folder, is_there):
    """A run in a process of its own, in the middle of its slow stage."""
    process = subprocess.Popen([sys.executable, "-c", RUN_SLOWLY, str(folder)], stderr=subprocess.PIPE, text=True)
    said = []
    for line in process.stderr:
        said.append(line)
        if "writing slow" in line:
            break
    assert is_there(), "".join(said)
    yield process
    process.kill()
    process.wait()
    process.stderr.close()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_container_and_starts_no_other(slow_run, folder, is_there, sent):
    assert is_there()
    slow_run.send_signal(sent)
    assert slow_run.wait(timeout=30) != 0
    assert not is_there()
    assert len(list(folder.rglob("word.txt"))) == 1


def test_a_container_left_over_from_a_killed_run_is_ended_by_the_next_run(slow_run, folder, is_there, monkeypatch):
    slow_run.kill()
    slow_run.wait()
    assert is_there()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("DOCKER_HOST", "unix:///nowhere.sock")
        with pytest.raises(UserError, match=r"of an earlier run may still work in .*: cannot reach the Docker engine"):
            FolderLock(folder).__enter__()
    with FolderLock(folder):
        assert not is_there()
