"""A campaign: without kfp and MLflow, killed and started again, it writes the rows of `simpgan run table1`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.interrupts import Interrupt
from simpgan.components.core.results.joining import join
from simpgan.components.core.results.probes import read_probes
from simpgan.components.core.results.rows import ResultsRow, read_results
from simpgan.pipelines.reports.results_page import publish
from tests.benchmarks.fake_steps import Cost
from tests.components.ingest.data_sets import files_of, write
from tests.conftest import Ingested
from tests.studies.campaign.estimates import EFFICIENCY, Machine, images_of, seconds_of_step, training_images
from tests.studies.campaign.steps import Line, Step, parse, read_lines
from tests.studies.campaign.work import ROOT, State, Worker

TINY = ROOT / "tests" / "pipelines" / "tiny.yaml"
STEPS = 30
MARKET_FOLDERS = ("bounding_box_train", "bounding_box_test", "query")
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("kfp", "mlflow"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from pathlib import Path
from simpgan.pipelines.cli import app
from tests.studies.campaign.steps import read_lines
from tests.studies.campaign.work import State
commands, state = map(Path, sys.argv[1:])
for line in read_lines(commands):
    for step in line.steps:
        place = State(state)
        place.output(step).parent.mkdir(parents=True, exist_ok=True)
        app(place.command(step), standalone_mode=False)
        place.partial(step).rename(place.output(step))
"""


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """Without a tracking server, and with this code's tests for programs that start in another folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "SIMPGAN"))}
    return {**kept, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def options(ingested: Ingested) -> str:
    """A command with every kind of step, and trainings that save each step."""
    return (
        "simpgan run table1 --source market1501:market1501 --target grid:underground_reid --seed 3 "
        f"--method simpgan,umdl,source-to-target --protocol all250 --preset {TINY} "
        f"--set train_gan.steps={STEPS} --set train_gan.checkpoint_seconds=0 --set evaluate.points_shown=0 "
        "--set evaluate.matched=false --set evaluate.verification=false"
    )


@pytest.fixture(scope="module")
def commands(options: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("campaign") / "commands.txt"
    file.write_text(f"# the most valuable first\n{options} \\\n  --out everything\n")
    return file


def measured(rows: list[ResultsRow]) -> list[dict[str, object]]:
    """What rows say, without when and how they were made."""
    return [row.model_dump(exclude={"date", "commit", "command"}) for row in rows]


@pytest.fixture(scope="module")
def undisturbed(
    python: str, options: str, ingested: Ingested, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> list[ResultsRow]:
    """The rows of `simpgan run table1`."""
    out = tmp_path_factory.mktemp("table1") / "everything"
    command = [python, "-m", "simpgan.pipelines.cli", *options.split()[1:], "--out", str(out)]
    subprocess.run(command, check=True, env=environment, cwd=ingested.folder, capture_output=True)
    return read_results(out / "results.json")


@pytest.fixture
def campaign(
    python: str, commands: Path, ingested: Ingested, environment: dict[str, str], tmp_path: Path
) -> Callable[..., "subprocess.Popen[str]"]:
    def campaign(*options: str) -> "subprocess.Popen[str]":
        folders = ["--data", str(ingested.folder), "--state", str(tmp_path / "state")]
        command = [python, "-m", "tests.studies.campaign", str(commands), *folders, *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, env=environment, cwd=ROOT, **pipes)

    return campaign


@pytest.mark.local
def test_a_campaign_that_is_killed_and_ended_goes_on_to_the_rows_of_table1(
    campaign: Callable[..., "subprocess.Popen[str]"], undisturbed: list[ResultsRow], tmp_path: Path
) -> None:
    state = tmp_path / "state"
    for number in (signal.SIGKILL, signal.SIGTERM):
        disturbed = campaign()
        before = steps_recorded(state)
        while steps_recorded(state) < before + 3:
            assert disturbed.poll() is None, disturbed.communicate()[0]
            time.sleep(0.01)
        disturbed.send_signal(number)
        disturbed.communicate()
        assert disturbed.returncode in (-number, 128 + number)
    nothing = campaign("--seconds", "0").communicate()[0]
    assert "3 of 9 steps are done" in nothing
    assert " ...\n" not in nothing
    last = campaign("--at-once", "2")
    said = last.communicate()[0]
    assert last.returncode == 0, said
    assert "9 of 9 steps are done" in said
    assert "train-gan simpgan all250:0 (market1501, tiny, seed 3) ..." in said
    assert "ingest" not in said
    results = state / "results" / "everything"
    rows = read_results(results / "results.json")
    assert measured(rows) == measured(undisturbed)
    assert {row.method for row in rows} >= {"direct", "camera-adabn", "simpgan", "umdl", "source-to-target"}
    assert set(read_probes(results / "probes.parquet")["method"]) == {row.method for row in rows}

    published = publish([results], tmp_path / "docs")
    assert {row.command.partition(" --seed")[0] for row in published} == {
        "simpgan run table1 --source market1501:market1501 --target grid:underground_reid"
    }
    assert "preset tiny" in (tmp_path / "docs/results.md").read_text()


def steps_recorded(state: Path) -> int:
    """Steps in the history of the GAN's training."""
    return sum(path.read_bytes().count(b"\n") for path in (state / "data" / "checkpoints").glob("train_gan-*.jsonl"))


@pytest.mark.local
def test_the_stages_of_a_campaign_need_neither_kfp_nor_mlflow(
    commands: Path, undisturbed: list[ResultsRow], ingested: Ingested, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", WITHOUT, str(commands), str(tmp_path)]
    ran = subprocess.run(command, env=environment, cwd=ingested.folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    (results,) = tmp_path.glob("steps/evaluate-*/results.json")
    assert measured(join([read_results(results)])) == measured(undisturbed)


@pytest.fixture
def line(options: str, ingested: Ingested, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.chdir(ingested.folder)
    return parse([*options.split(), "--out", "everything"])


def test_a_training_is_done_once_for_all_commands_and_methods(line: Line, options: str) -> None:
    stages = [step.stage for step in line.steps]
    assert stages.count("train-gan") == 1, "source-to-target takes the translator of SimPGAN"
    assert stages.count("pretrain") == 2, "of the source, and of the source in the target's style"
    again = parse([*options.replace("simpgan,umdl", "gan").split(), "--out", "more"])
    shared = {step.key for step in line.steps} & {step.key for step in again.steps}
    assert {step.stage for step in line.steps if step.key in shared} == {
        "ingest",
        "pretrain",
        "train-gan",
        "translate",
    }
    other = parse([*options.replace("--seed 3", "--seed 4").split(), "--out", "other"])
    assert {step.stage for step in other.steps if step.key in {each.key for each in line.steps}} == {"ingest"}


def test_the_campaign_for_a_gpu_is_one_that_can_be_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    people = range(1, 21)
    market = [
        f"{part}/{person:04}_c{camera}s1_000001_00.jpg"
        for part in MARKET_FOLDERS
        for person in people
        for camera in (1, 2)
    ]
    write(dict.fromkeys(market, b""), tmp_path / "Market-1501-v15.09.15")
    write({f"campus/{person:04}00{shot}.png": b"" for person in people for shot in range(1, 5)}, tmp_path / "CUHK01")
    write(files_of("grid"), tmp_path / "underground_reid")
    (tmp_path / "resnet50-imagenet-v1.safetensors").write_bytes(b"weights")
    lines = read_lines(ROOT / "tests" / "studies" / "campaign" / "gpu.txt")
    assert len({line.out for line in lines}) == len(lines)
    evaluations = [step for line in lines for step in line.evaluations]
    assert {step.settings["preset"] for step in evaluations} == {"modern", "paper"}
    assert {step.inputs_of("--source")[0].title for step in evaluations} == {
        "ingest cuhk01",
        "ingest market1501",
        "join cuhk01+market1501",
    }
    steps = {step.title: step for line in lines for step in line.steps}
    state = State(tmp_path)
    parts = [str(state.output(steps[f"ingest {name}"])) for name in ("market1501", "cuhk01")]
    joining = state.command(steps["join cuhk01+market1501"])
    assert joining[:5] == ["join", "--name", "cuhk01+market1501", *parts]
    machine = Machine.read(ROOT / "tests" / "studies" / "campaign" / "h100.json")
    joint = steps["pretrain (cuhk01+market1501, modern, seed 0)"]
    assert training_images(joint) == 20 * 2 + 20 * 4
    assert seconds_of_step(joint, machine) > seconds_of_step(steps["pretrain (cuhk01, modern, seed 0)"], machine)


@pytest.mark.parametrize("text", ["simpgan run adapt --source x", "simpgan", ""])
def test_what_is_no_table1_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "commands.txt"
    file.write_text(text)
    with pytest.raises(UserError, match=r"write (one )?`simpgan run table1"):
        read_lines(file)


@pytest.fixture
def steps() -> list[Step]:
    """A data set, a training, and two stages that do not go on where they were ended."""
    data = Step("ingest", "data", {})
    training = Step("pretrain", "training", {}, inputs=[("--source", data)])
    long, short = (Step("translate", title, {}, inputs=[("--source", data)]) for title in ("long", "short"))
    return [data, training, long, short]


def test_what_cannot_go_on_is_started_only_if_it_fits_in_the_time_that_is_left(
    steps: list[Step], tmp_path: Path
) -> None:
    state = State(tmp_path)
    worker = Worker(state, lambda step: {"data": 5.0, "training": 900.0, "long": 500.0, "short": 50.0}[step.title])

    def startable(remaining: float) -> list[str]:
        return [step.title for step in worker.startable(steps, remaining)]

    assert startable(1) == ["data"], "the first of all is started, since a fresh call has no more time"
    state.output(steps[0]).mkdir(parents=True)
    assert startable(1) == ["training", "long", "short"]
    worker.started.add("another")
    assert startable(600) == ["training", "long", "short"]
    assert startable(100) == ["training", "short"]
    assert startable(1) == []
    worker.work(steps, until=0, interrupt=Interrupt())
    assert worker.started == {"another"}


def test_an_estimate_is_the_latest_bound() -> None:
    machine = Machine("a card", bf16=True, operations=1e12, bytes=1e11, calls=1e5)
    assert machine.seconds(Cost(operations=10**12, moved=10**10, calls=10, peak=0)) == 1 / EFFICIENCY
    assert machine.seconds(Cost(operations=10**9, moved=10**11, calls=10, peak=0)) == 1 / EFFICIENCY
    assert machine.seconds(Cost(operations=10**9, moved=10**9, calls=10**5, peak=0)) == 1 / EFFICIENCY


def test_every_step_has_an_estimate_by_the_number_of_its_images(line: Line) -> None:
    slow, fast = (Machine("a card", bf16=True, operations=speed, bytes=1e20, calls=1e20) for speed in (1e10, 1e20))
    by_stage = {step.stage: step for step in line.steps}
    source = by_stage["pretrain"].inputs_of("--source")[0]
    assert source.stage == "translate"
    assert images_of(source) == images_of(*source.inputs_of("--source")) > training_images(source) > 0
    for step in line.steps:
        assert seconds_of_step(step, slow) >= seconds_of_step(step, fast) > 0
    assert seconds_of_step(by_stage["train-gan"], slow) > seconds_of_step(by_stage["train-gan"], fast)
