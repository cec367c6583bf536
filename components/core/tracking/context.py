"""Context managers that record a pipeline and a stage."""

import hashlib
import json
import os
import traceback
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.interrupts import sigterm_raises
from simpgan.components.core.process.task import TASK, Task
from simpgan.components.core.tracking import runs
from simpgan.components.core.tracking.client import flatten_parameters
from simpgan.components.core.tracking.errors import server_name
from simpgan.components.core.tracking.metric_log import MetricLog
from simpgan.components.core.tracking.open_run import RunRequest
from simpgan.components.core.tracking.outcome import RunOutcome, outcome_of
from simpgan.components.core.tracking.run_writer import RunWriter
from simpgan.components.core.tracking.runs import PipelineRun, StageRun, UnrecordedStageRun
from simpgan.components.core.tracking.tags import INPUT_TAG, PIPELINE_TASK, RERUN_TAG, STAGE_TAG, with_time
from simpgan.components.core.tracking.upload_queue import UnsentRun, UploadQueue

PIPELINE_RUN = "SIMPGAN_PIPELINE_RUN"
KFP_RUN = "KFP_RUN_ID"
PIPELINE_NAME = "SIMPGAN_PIPELINE"
RERUN_OF = "SIMPGAN_RERUN_OF"
PARENT_RUN = "SIMPGAN_PARENT_RUN"
MLFLOW_RUN_ID = "MLFLOW_RUN_ID"
UNSENT = "SIMPGAN_UNSENT"
TRACKING = "SIMPGAN_TRACKING"


@contextmanager
def pipeline_run(
    name: str, tags: Mapping[str, str], parameters: Mapping[str, Any], unsent: Path | None = None
) -> Iterator[PipelineRun]:
    """Record a whole pipeline as the run under which the runs of its stages nest.

    Inside the block the environment variable `SIMPGAN_PIPELINE_RUN` names the run for the stages' processes. The run
    ends FINISHED, FAILED (with the tag `simpgan.reason`) or KILLED (SIGTERM, Ctrl-C). Stages that were killed without
    a word are closed with it. Runs that an earlier process of this machine left as RUNNING are closed first. Without
    `MLFLOW_TRACKING_URI` nothing is recorded.

    Args:
        name: name of the pipeline, such as "adapt".
        tags: what people search by: source, target, method, preset.
        parameters: resolved parameters of the pipeline, nested or flat; recorded as `pipeline.<name>`.
        unsent: folder for what a server did not take of this run and its stages, unless `SIMPGAN_UNSENT` names one;
            None: `unsent` in the cache.
    """
    inherited = {variable: os.environ.get(variable) for variable in (PIPELINE_RUN, MLFLOW_RUN_ID, UNSENT)}
    if unsent:
        os.environ.setdefault(UNSENT, str(unsent.resolve()))
    pipeline = inherited[PIPELINE_RUN] or uuid.uuid4().hex
    request = RunRequest(
        pipeline=pipeline,
        task=PIPELINE_TASK,
        name=name,
        run_id=inherited[MLFLOW_RUN_ID],
        alone=True,
        tags=tags,
        parameters=flatten_parameters(PIPELINE_TASK, parameters),
    )
    os.environ[PIPELINE_RUN] = pipeline
    os.environ.pop(MLFLOW_RUN_ID, None)  # names this run; the stages must not all write into it
    try:
        with sigterm_raises():
            run = PipelineRun(pipeline, _open_queue(request, unsent, ""))
            with _ended(run):
                run.wait_until_open()
                yield run
    finally:
        for variable, value in inherited.items():
            os.environ.pop(variable, None)
            if value is not None:
                os.environ[variable] = value


@contextmanager
def stage_run(
    stage: str,
    *,
    settings: Mapping[str, Any],
    task: Task | None = None,
    history: Path | None = None,
    inputs: Mapping[str, str] | None = None,
    label: str = "",
    recorded: bool = True,
) -> Iterator[StageRun]:
    """Record one stage.

    The MLflow run is the one that `MLFLOW_RUN_ID` names; else the run of this pipeline run (`SIMPGAN_PIPELINE_RUN`, on
    a cluster `KFP_RUN_ID`) with this `label`, so a retry continues it; else a new run. On a cluster nothing tells the
    tasks of several seeds apart, so there the settings and inputs must be equal too. With `SIMPGAN_RERUN_OF` set the
    run is tagged `simpgan.rerun_of` and nests under the run that `SIMPGAN_PARENT_RUN` names. A pod that finds no
    parent run creates it under the name in `SIMPGAN_PIPELINE` and the time, and opens one that has been closed, since
    the pipeline run goes on. The run ends FINISHED, FAILED (with the tag `simpgan.reason` and `failure.txt`) or KILLED
    (SIGTERM, Ctrl-C).

    A background thread sends everything and waits while the server is away, so neither opening the run nor logging
    blocks training. The end of the run waits for the thread for at most `END_SECONDS`. What was not sent by then is
    kept for `simpgan sync` in the folder that `SIMPGAN_UNSENT` names, else in `unsent` beside the history or in the
    cache. With `SIMPGAN_TRACKING=required` a server that does not open the run within `OPEN_SECONDS` is a UserError
    instead.

    Args:
        stage: name of the stage's folder, such as "train_gan".
        settings: resolved settings, nested or flat; recorded as parameters `<stage>.<name>`. On a retry the first
            values stay, and the tag `simpgan.changed` holds those that differ.
        task: the task of the stage, recorded in `inputs.json`; None: its parameters and inputs are unknown.
        history: file of the metric history (JSON lines), which is always written. It belongs beside the checkpoints:
            it must exist when training continues. None: only MLflow keeps the metrics.
        inputs: input name to digest; recorded as tags `simpgan.input.<name>`.
        label: tells this task from others of the same stage, such as "train_gan simpgan folds10:0"; empty: the
            stage's name. It is also the name of the run. The environment variable `SIMPGAN_TASK` overrides it where
            only the runner can tell the tasks apart: several sources, seeds or settings.
        recorded: False in all processes of a joint training except the first, which records for all.

    Raises:
        UserError: tracking is required, and no server is named or it does not open the run.
    """
    label = os.environ.get(TASK) or label or stage
    digests = {f"{INPUT_TAG}{name}": digest for name, digest in (inputs or {}).items()}
    rerun_of = os.environ.get(RERUN_OF)
    pipeline = pipeline_of_environment()
    pipeline_name = os.environ.get(PIPELINE_NAME, "") if pipeline and PIPELINE_RUN not in os.environ else ""
    told_apart = TASK in os.environ or KFP_RUN not in os.environ
    request = RunRequest(
        pipeline=pipeline or uuid.uuid4().hex,
        task=label if told_apart else f"{label} {_digest([settings, inputs])}",
        name=f"{label}, rerun" if rerun_of else label,
        run_id=os.environ.get(MLFLOW_RUN_ID),
        alone=pipeline is None,
        tags={STAGE_TAG: stage, **({RERUN_TAG: rerun_of} if rerun_of else {}), **digests},
        parameters=flatten_parameters(stage, settings),
        parent=os.environ.get(PARENT_RUN),
        pipeline_name=with_time(pipeline_name) if pipeline_name else "",
    )
    if not recorded:
        with sigterm_raises():
            yield UnrecordedStageRun()
        return
    with sigterm_raises(), TemporaryDirectory(prefix="simpgan-") as scratch:
        unsent = history.parent / "unsent" if history else None
        queue = _open_queue(request, unsent, f"; every metric is in {history}" if history else "")
        log = MetricLog(history or Path(scratch, "history.jsonl"))
        run = StageRun(task or Task(component=stage), log, queue)
        run.log_inputs(settings, inputs or {})
        with _ended(run):
            yield run


def pipeline_of_environment() -> str | None:
    """Return the pipeline run of this process, as the runner or the cluster's profile names it; None outside one."""
    return os.environ.get(PIPELINE_RUN) or os.environ.get(KFP_RUN)


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:12]


@contextmanager
def _ended(run: PipelineRun | StageRun) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        if isinstance(error, MemoryError):
            traceback.clear_frames(error.__traceback__)  # closing the run needs some of the memory they hold
        run.end(outcome_of(error))
        raise
    run.end(RunOutcome("FINISHED"))


def _open_queue(request: RunRequest, unsent: Path | None, hint: str) -> UploadQueue | None:
    tracking = os.environ.get(TRACKING) or "optional"
    if tracking not in ("optional", "required"):
        raise UserError(f"{TRACKING}={tracking} is neither optional nor required")
    required = tracking == "required"
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        if required:
            raise UserError(f"{TRACKING}=required, but no server is named: set MLFLOW_TRACKING_URI")
        return None
    given = storage.named_by(UNSENT)
    folder = Path(given) if given else unsent or storage.cache_folder() / "unsent"
    queue = UploadQueue(lambda: RunWriter(request), UnsentRun(folder, request), hint)
    if required and not queue.wait_until_open(runs.OPEN_SECONDS):
        queue.give_up()
        raise UserError(
            f"{TRACKING}=required, but MLflow at {server_name()} does not open the run: start the server, or set "
            f"{TRACKING}=optional, which keeps the run for simpgan sync"
        )
    return queue
