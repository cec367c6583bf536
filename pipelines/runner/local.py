"""Run a pipeline on this machine with kfp.local: one process or container per stage, finished stages from the cache."""

import contextlib
import json
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from google.protobuf.json_format import MessageToDict
from kfp import dsl, local
from kfp.dsl.graph_component import GraphComponent
from kfp.local import cache

from simpgan.components.core.data import shards
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.interrupts import GO_ON, say_at_once
from simpgan.components.core.process.task import Task
from simpgan.components.core.tracking.context import PIPELINE_RUN
from simpgan.pipelines.runner.kfp_patches import cache_replaced, nested_loops_corrected
from simpgan.pipelines.runner.relocation import absolute_location, relative_to_run
from simpgan.pipelines.runner.stage_log import Ended, StageOutput
from simpgan.pipelines.runner.task_records import keep_task, slug, task_of

if TYPE_CHECKING:
    from simpgan.pipelines.runner.stage_container import Containers, StageContainer
    from simpgan.pipelines.runner.stage_process import Processes, StageProcess

RETRIES = 2
PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class Finished:
    """A pipeline that has run.

    Attributes:
        output: path of its one output artifact.
        tasks: stage and arguments of every task, in the order they came.
        outputs: outputs of the last task of each stage, by name.
    """

    output: Path
    tasks: list[tuple[str, dict[str, Any]]]
    outputs: Mapping[str, dict[str, Any]]

    @property
    def stages(self) -> set[str]:
        """Return the stages of the tasks."""
        return {stage for stage, _ in self.tasks}

    def inputs_of(self, stage: str) -> list[Path]:
        """Return the paths of the artifacts that the tasks of a stage got in lists."""
        lists = [value for name, arguments in self.tasks if name == stage for value in arguments.values()]
        return [Path(each.path) for items in lists if isinstance(items, list) for each in items]


def run_pipeline(
    pipeline: GraphComponent,
    arguments: Mapping[str, Any],
    out: Path,
    runner: "Processes | Containers",
) -> Finished:
    """Run `pipeline` with all its outputs in the folder `out`, which `runner` has locked.

    Raises:
        UserError: a stage refused its inputs.
        StageFailed: a stage failed for any other reason.
    """
    with (
        quiet(out / "logs" / "kfp.log"),
        # kfp makes one where none is given, and leaves it there when the run is interrupted.
        tempfile.TemporaryDirectory(prefix="simpgan-", ignore_cleanup_errors=True) as workspace,
    ):
        runner.check(images_of(pipeline))
        stages = Stages(out, runner)
        artifacts = str(out / "artifacts")
        local.init(runner.kfp_runner, pipeline_root=artifacts, workspace_root=workspace, enable_caching=True)
        with (
            asked_for_every_task(pipeline) as stages.uncached,
            cache_replaced(stages),
            runner.instead_of_kfp(stages.run),
            nested_loops_corrected(),
            stages.ended_by_signals(),
        ):
            try:
                task = pipeline(**arguments)
            except RuntimeError:
                if stages.failure:
                    raise stages.failure from None
                raise
        return Finished(Path(task.output.path), stages.tasks, stages.outputs)


def images_of(pipeline: GraphComponent) -> list[str]:
    """Return the images of the pipeline's stages."""
    executors = MessageToDict(pipeline.pipeline_spec.deployment_spec)["executors"].values()
    return sorted({executor["container"]["image"] for executor in executors})


@contextlib.contextmanager
def asked_for_every_task(pipeline: GraphComponent) -> Iterator[set[str]]:
    """Let kfp.local ask the cache for every task in this block, including those that it must not answer.

    Yields:
        The components of the tasks that it must not answer.
    """
    spec = pipeline.pipeline_spec
    dags = [spec.root.dag, *(component.dag for component in spec.components.values())]
    uncached = [
        task
        for dag in dags
        for task in dag.tasks.values()
        if spec.components[task.component_ref.name].executor_label and not task.caching_options.enable_cache
    ]
    for task in uncached:
        task.caching_options.enable_cache = True
    try:
        yield {task.component_ref.name for task in uncached}
    finally:
        for task in uncached:
            task.caching_options.enable_cache = False


class Stages(cache.LocalCache):
    """The stages of one run: finished ones from the cache, and the work on the others, one at a time."""

    def __init__(self, out: Path, runner: "Processes | Containers") -> None:
        super().__init__(str(out / "artifacts" / "cache"))
        self.uncached: Set[str] = frozenset()  # components that the cache must not answer
        self.out = out
        self.logs = out / "logs"
        self.runner = runner
        self.failure: Exception | None = None
        self.current = ""
        self.task = Task(component="")
        self.name = ""
        self.alike: dict[str, list[str]] = {}
        self.tasks: list[tuple[str, dict[str, Any]]] = []
        self.outputs: dict[str, dict[str, Any]] = {}
        self.work: StageProcess | StageContainer | None = None
        self.ending = False

    def compute_key(
        self,
        component_name: str,
        image: str,
        full_command: list[str],
        arguments: dict[str, Any],
        env_vars: dict[str, str] | None = None,
        custom_cache_key: str | None = None,
    ) -> str:
        """Compute kfp's key from the code instead of the image, and from artifacts' content instead of their paths.

        The data root is no part of the key, as long as the images are there (`get`). A stage in two places of the graph
        has two component names, and the same key.
        """
        stage = full_command[full_command.index("--function_to_execute") + 1]
        self.current = describe(stage, arguments)
        self.tasks.append((stage, arguments))
        self.task = task_of(stage, arguments)
        image = f"{image} {self.runner.code(image)}"
        made_from = {name: value for name, value in by_content(arguments).items() if name != "data_root"}
        key = super().compute_key(stage, image, full_command, made_from, env_vars, custom_cache_key)
        self.name = self.name_of(key)
        return uuid4().hex if component_name in self.uncached else key

    def name_of(self, key: str) -> str:
        """Return a name for the current task that differs from those of other tasks with the same description."""
        alike = self.alike.setdefault(self.current, [])
        if key not in alike:
            alike.append(key)
        return f"{self.current} ({alike.index(key) + 1})" if alike.index(key) else self.current

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the cached outputs of the current stage, if all of them still exist."""
        outputs = super().get(key)
        if outputs is None or not has_its_images(outputs, self.tasks[-1][1].get("data_root", "")):
            return None
        if not self.failure:
            say(f"{self.current}: from cache")
            keep_task(self.out, self.name, self.task, pipeline_run=None)
        self.outputs[self.tasks[-1][0]] = outputs
        return outputs

    def put(self, key: str, outputs: dict[str, Any]) -> None:
        """Cache the outputs of the current stage."""
        super().put(key, outputs)
        self.outputs[self.tasks[-1][0]] = outputs

    def _serialize_outputs(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """Serialise as kfp does, with paths in the folder of the run relative to it."""
        return self._relocated(super()._serialize_outputs(outputs), relative_to_run)

    def _deserialize_outputs(self, serialized: dict[str, Any]) -> dict[str, Any]:
        """Invert `_serialize_outputs`, in the current folder of the run."""
        return super()._deserialize_outputs(self._relocated(serialized, absolute_location))

    def _relocated(self, value: Any, change: Callable[[str, Path], str]) -> Any:
        if isinstance(value, dict):
            return {
                name: change(each, self.out) if name == "uri" else self._relocated(each, change)
                for name, each in value.items()
            }
        return [self._relocated(each, change) for each in value] if isinstance(value, list) else value

    def run(self, image: str, command: Sequence[str]) -> int:
        """Run the current stage. Return its exit status; after a failure no further stage starts."""
        if self.failure or self.ending:
            return 1
        say(f"{self.current} ...")
        began = time.monotonic()
        keep_task(self.out, self.name, self.task, self.runner.environment.get(PIPELINE_RUN, ""))
        log = self.logs / f"{slug(self.name)}.log"
        for attempt in range(1 + RETRIES):
            output = StageOutput(log, again=attempt > 0)
            ended = self.attempt(image, command, output)
            if not ended.disturbed or self.ending or attempt == RETRIES:
                break
            pause = PAUSE_SECONDS * 2**attempt
            say(f"{self.current}: {ended.disturbed}, trying again in {pause:.0f} s ({attempt + 1} of {RETRIES})")
            time.sleep(pause)
        if ended.status == 0:
            say(f"{self.current}: {time.monotonic() - began:.1f} s")
        else:
            self.failure = output.failure(self.current, ended)
        return ended.status

    def attempt(self, image: str, command: Sequence[str], output: StageOutput) -> Ended:
        """Start the current stage and wait for its end."""
        self.work = self.runner.start(image, command, self.name, output)
        if self.ending:  # asked for between the check before and the start
            self.work.kill(signal.SIGTERM)
        ended = self.work.wait()
        self.work = None
        return ended

    @contextlib.contextmanager
    def ended_by_signals(self) -> Iterator[None]:
        """End the running stage, and start no other, on Ctrl-C and SIGTERM; then call the previous handler.

        A training finishes its step and saves its checkpoint first. A second Ctrl-C kills it.
        """

        def end(number: int, frame: FrameType | None) -> None:
            if not self.ending:
                say_at_once(f"ending {self.current or 'the run'}: a training saves its checkpoint first; {GO_ON}")
            if self.work:
                self.work.kill(signal.SIGKILL if self.ending else signal.SIGTERM)
            self.ending = True
            handler = before[signal.Signals(number)]
            if callable(handler):
                handler(number, frame)
            raise SystemExit(128 + number)

        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def describe(stage: str, arguments: Mapping[str, Any]) -> str:
    """Describe a stage for the user: `train_gan simpgan folds10:0 lambda_similarity=0.1 (market1501, seed 1)`.

    What the arguments lack is taken from the metadata of the translator, or of the translated images.
    """
    known: dict[str, Any] = {}
    for artifact in arguments.values():
        if isinstance(artifact, dsl.Artifact) and "method" in artifact.metadata:
            known |= artifact.metadata
    known |= arguments
    if "changes" in known:
        known["variant"] = ", ".join(f"{name}={value}" for name, value in json.loads(known["changes"]).items())
    if known.get("direction") == "source-to-target":
        known["method"] = known["direction"]
    if "protocol" in known:
        known["split"] = "{protocol}:{fold}".format(**known)
    if known.get("name") == known.get("layout"):
        known["name"] = ""
    words = [
        stage,
        *(known[name] for name in ("layout", "name", "part", "method", "split", "variant") if known.get(name)),
    ]
    seed = json.loads(arguments.get("settings", "{}")).get("seed", known.get("seed"))
    source = known.get("source") or (known["initial"].metadata.get("source") if stage == "self_train" else None)
    name = source.metadata.get("name", source.metadata.get("source")) if isinstance(source, dsl.Artifact) else source
    return " ".join(words) + (f" ({name}, seed {seed})" if name and seed is not None else "")


def has_its_images(outputs: Mapping[str, Any], data_root: str) -> bool:
    """Tell whether the shards of the manifests among a stage's outputs are under the data root."""
    if not data_root:
        return True
    folders = [Path(each.path) for each in outputs.values() if isinstance(each, dsl.Artifact)]
    manifests = [folder for folder in folders if (folder / "manifest.json").is_file()]
    try:
        return all(shards.shards_exist(data_root, Manifest.load(folder)) for folder in manifests)
    except UserError:  # one of them is damaged
        return False


def by_content(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with the metadata in place of every artifact whose metadata hold a digest of its content."""
    return {name: content(value) for name, value in arguments.items()}


def content(value: Any) -> Any:
    """Return the part of a cache key for an argument."""
    if isinstance(value, list):
        return [content(item) for item in value]
    return value.metadata if isinstance(value, dsl.Artifact) and "digest" in value.metadata else value


@contextlib.contextmanager
def quiet(log: Path) -> Iterator[None]:
    """Redirect kfp's output to `log` in this block."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file, contextlib.redirect_stdout(file), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def say(line: str) -> None:
    """Report progress to the user."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
