"""What a stage costs before it does anything of its own, as a process and as a container, and a run from the cache.

    python -m tests.benchmarks.bench_stage_overhead --runner subprocess
    python -m tests.benchmarks.bench_stage_overhead --runner docker
    python -m tests.benchmarks.bench_stage_overhead --cached

Every stage is given manifests that are not there: it ends at the first line of its own work, and what is measured is
the time from its start to that end, without recording. Processor seconds are those of processes; a busy machine does
not change them much, and on an idle one they are about the time that passes. `--cached` measures the second of two
equal runs of `adapt`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent
from kfp.local import task_dispatcher, utils

from simpgan.components.evaluate.component import evaluate
from simpgan.components.evaluate.settings import EvaluateSettings
from simpgan.components.ingest.component import ingest
from simpgan.components.pretrain.component import pretrain
from simpgan.components.pretrain.settings import PretrainSettings
from simpgan.components.train_gan.component import train_gan
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.components.translate.component import translate
from simpgan.components.translate.settings import TranslateSettings
from simpgan.pipelines.config.defaults import Runner
from simpgan.pipelines.demo_data import SOURCE_FOLDER, TARGET_FOLDER, generate
from simpgan.pipelines.runner.folder_lock import FolderLock
from simpgan.pipelines.runner.runs import way_of_running
from simpgan.pipelines.runner.stage_container import Containers
from simpgan.pipelines.runner.stage_log import StageOutput
from simpgan.pipelines.runner.stage_process import Processes

GONE = dsl.Dataset(uri="/gone", metadata={"name": "gone", "digest": "0"})
MODEL = dsl.Model(uri="/gone", metadata={"digest": "0"})
SPLIT = {"protocol": "all250", "fold": "0"}
STAGES: list[tuple[BaseComponent, dict[str, Any]]] = [
    (ingest, {"layout": "grid", "name": "grid", "location": "/gone", "fingerprint": "", "settings": "{}"}),
    (pretrain, {"settings": PretrainSettings().model_dump_json(), "source": GONE}),
    (
        train_gan,
        {
            **SPLIT,
            "method": "simpgan",
            "changes": "{}",
            "settings": TrainGanSettings().model_dump_json(),
            "source": GONE,
            "target": GONE,
            "classifier": MODEL,
        },
    ),
    (
        translate,
        {
            "direction": "target-to-source",
            "settings": TranslateSettings().model_dump_json(),
            "images": GONE,
            "translator": MODEL,
        },
    ),
    (
        evaluate,
        {
            "settings": EvaluateSettings().model_dump_json(),
            "source": GONE,
            "target": GONE,
            "classifier": MODEL,
        },
    ),
]
PARTS = {
    "Python": "pass",
    "kfp's executor": "import os; os.environ['_KFP_RUNTIME'] = 'true'; import kfp.dsl.executor_main",
    "pandas and pyarrow": "import pandas, pyarrow.parquet",
    "torch": "import torch",
    "MLflow's client, in a thread of its own": "from mlflow.tracking import MlflowClient",
}
TINY = Path(__file__).parents[1] / "pipelines" / "tiny.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description="what a stage costs before it works")
    parser.add_argument("--runner", type=Runner, choices=list(Runner), default=Runner.SUBPROCESS)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--cached", action="store_true", help="measure a run of adapt that comes from the cache")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MLFLOW_TRACKING_URI"] = ""
        if given.cached:
            measure_cached(folder, given.turns)
        else:
            measure_stages(folder, given.runner, given.turns)


def measure_stages(folder: Path, runner: Runner, turns: int) -> None:
    """Print the seconds of each stage, and of the parts they go into."""
    with FolderLock(folder) as lock:
        work = way_of_running(runner, lock, [], [])
        images = [component.component_spec.implementation.container.image for component, _ in STAGES]
        work.check(images)

        def run(image: str, command: Sequence[str]) -> int:
            return work.start(image, command, "overhead", StageOutput(folder / "stage.log")).wait().status

        for component, arguments in STAGES:
            report(component.name, turns, lambda: start(component, arguments, folder, work, run))  # noqa: B023
        if runner == Runner.DOCKER:
            report("  container alone", turns, lambda: run(images[1], ["true"]))
        python = "python3" if runner == Runner.DOCKER else sys.executable
        for part, code in PARTS.items():
            report(f"  {part}", turns, lambda: run(images[1], [python, "-c", code]))  # noqa: B023


def start(
    component: BaseComponent,
    arguments: Mapping[str, Any],
    folder: Path,
    work: Processes | Containers,
    run: Callable[[str, Sequence[str]], int],
) -> None:
    """Have kfp start a stage on what is not there."""
    spec = component.pipeline_spec
    ((name, component_spec),) = spec.components.items()
    executor = utils.struct_to_executor_spec(spec.deployment_spec["executors"][component_spec.executor_label])
    with work.instead_of_kfp(run):
        task_dispatcher.run_single_task_implementation(
            pipeline_resource_name="overhead",
            component_name=name,
            component_spec=component_spec,
            executor_spec=executor,
            arguments={**arguments, "data_root": str(folder / "data")},
            pipeline_root=str(folder / "artifacts"),
            runner=work.kfp_runner,
            raise_on_error=False,
            block_input_artifact=False,
            unique_pipeline_id="0",
        )
    assert "UserError" in (folder / "stage.log").read_text(), "the stage did not reach its own work"


def measure_cached(folder: Path, turns: int) -> None:
    """Print the seconds of a run of which nothing has changed."""
    generate(folder, 0, source_identities=6, target_identities=4)
    source, target = f"market1501:{folder / SOURCE_FOLDER}", f"grid:{folder / TARGET_FOLDER}"
    options = ["--source", source, "--target", target, "--preset", str(TINY), "--out", str(folder / "out")]
    command = [sys.executable, "-m", "simpgan.pipelines.cli", "run", "adapt", *options]
    subprocess.run(command, check=True, capture_output=True)
    report("adapt from the cache", turns, lambda: subprocess.run(command, check=True, capture_output=True))


def report(what: str, turns: int, do: Callable[[], object]) -> None:
    """Print the least seconds of several turns, and the least of the processor in processes."""
    seconds, processor = [], []
    for _ in range(turns):
        began, used = time.perf_counter(), of_processes()
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            do()
        seconds.append(time.perf_counter() - began)
        processor.append(of_processes() - used)
    print(f"{what:42} {min(seconds):6.2f} s, {min(processor):6.2f} s of the processor", flush=True)


def of_processes() -> float:
    """Seconds of the processor in processes that this one has started, and that have ended."""
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    main()
