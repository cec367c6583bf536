"""The two blocks within which a pipeline and a stage are recorded."""

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
from simpgan.components.core.process.task import TASK
from simpgan.components.core.tracking import runs
from simpgan.components.core.tracking.errors import server_name
from simpgan.components.core.tracking.metric_log import History
from simpgan.components.core.tracking.open_run import INPUT_TAG, PIPELINE_TASK, RERUN_TAG, STAGE_TAG, RunRequest, flat
from simpgan.components.core.tracking.run_writer import Store
from simpgan.components.core.tracking.runs import PipelineRun, StageRun, UnrecordedStageRun
from simpgan.components.core.tracking.status import Ending, ending_of, sigterm_raises
from simpgan.components.core.tracking.upload_queue import Sender, Unsent

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
    """The run of a whole pipeline, under which the runs of its stages nest.

    Inside the block the environment variable `SIMPGAN_PIPELINE_RUN` names it, for the stages' processes. It
    ends FINISHED, FAILED (with the tag `simpgan.reason`) or KILLED (SIGTERM, Ctrl-C); stages that were killed
    without a word are closed with it. Runs that an earlier process of this machine left behind as RUNNING are
    closed first. Without `MLFLOW_TRACKING_URI` nothing is recorded.

    Args:
        name: name of the pipeline, such as "adapt".
        tags: what people search by: source, target, method, preset.
        parameters: resolved parameters of the pipeline, nested or flat; recorded as `pipeline.<name>`.
        unsent: folder that keeps what a server did not take, of this run and its stages, unless `SIMPGAN_UNSENT`
            names one; without, `unsent` in the cache.
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
        parameters=flat(PIPELINE_TASK, parameters),
    )
    os.environ[PIPELINE_RUN] = pipeline
    os.environ.pop(MLFLOW_RUN_ID, None)  # names this run; the stages must not all write into it
    try:
        with sigterm_raises():
            run = PipelineRun(pipeline, _sender(request, unsent, ""))
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
    history: Path | None = None,
    inputs: Mapping[str, str] | None = None,
    label: str = "",
    recorded: bool = True,
) -> Iterator[StageRun]:
    """The run of one stage.

    Which MLflow run it is: with `MLFLOW_RUN_ID` set, that one; else the one of this pipeline run
    (`SIMPGAN_PIPELINE_RUN`, on a cluster `KFP_RUN_ID`) with this `label`, so that a retry goes on in it; else a new
    one of its own. On a cluster nobody tells the tasks of several seeds apart, so there the settings and inputs have
    to be the same too. With `SIMPGAN_RERUN_OF` set it is tagged `simpgan.rerun_of`, and nests under the run that
    `SIMPGAN_PARENT_RUN` names. Where a pod has no run to nest under, it creates that of the pipeline,
    under the name in `SIMPGAN_PIPELINE`. It ends FINISHED, FAILED (with the tag `simpgan.reason` and `failure.txt`) or
    KILLED (SIGTERM, Ctrl-C).

    Everything is sent by a background thread that waits for a server that is away: neither opening the run
    nor measuring blocks training. The end of the run waits for it for at most `END_SECONDS`. What was not sent by then
    is kept in the folder that `SIMPGAN_UNSENT` names, else `unsent` beside the history or in the cache, for `simpgan
    sync`. With
    `SIMPGAN_TRACKING=required` a server that does not open the run within `OPEN_SECONDS` is a UserError instead.

    Args:
        stage: name of the stage's folder, such as "train_gan".
        settings: resolved settings, nested or flat; recorded as parameters `<stage>.<name>`. On a retry the
            first values stay, and the tag `simpgan.changed` tells those that differ.
        history: file of the metric history (JSON lines), written in any case. It belongs beside the
            checkpoints: it must be there again when training goes on. Without it only MLflow keeps the metrics.
        inputs: input name to digest; recorded as tags `simpgan.input.<name>`.
        label: what tells this task from the others of the same stage, such as "train_gan simpgan folds10:0";
            the stage's name if empty. It is also the run's name. The environment variable `SIMPGAN_TASK` replaces
            it where a pipeline runs a stage for several sources, seeds or settings, and only the runner can tell.
        recorded: False in all but the first of the processes that run a stage together: it records for them.
    """
    label = os.environ.get(TASK) or label or stage
    digests = {f"{INPUT_TAG}{name}": digest for name, digest in (inputs or {}).items()}
    rerun_of = os.environ.get(RERUN_OF)
    pipeline = pipeline_of_environment()
    told_apart = TASK in os.environ or KFP_RUN not in os.environ
    request = RunRequest(
        pipeline=pipeline or uuid.uuid4().hex,
        task=label if told_apart else f"{label} {_digest([settings, inputs])}",
        name=f"{label}, rerun" if rerun_of else label,
        run_id=os.environ.get(MLFLOW_RUN_ID),
        alone=pipeline is None,
        tags={STAGE_TAG: stage, **({RERUN_TAG: rerun_of} if rerun_of else {}), **digests},
        parameters=flat(stage, settings),
        parent=os.environ.get(PARENT_RUN),
        pipeline_name="" if PIPELINE_RUN in os.environ or not pipeline else os.environ.get(PIPELINE_NAME, ""),
    )
    if not recorded:
        with sigterm_raises():
            yield UnrecordedStageRun()
        return
    with sigterm_raises(), TemporaryDirectory(prefix="simpgan-") as scratch:
        unsent = history.parent / "unsent" if history else None
        sender = _sender(request, unsent, f"; every metric is in {history}" if history else "")
        run = StageRun(History(history or Path(scratch, "history.jsonl")), sender)
        run.task(stage, settings, inputs or {})
        with _ended(run):
            yield run


def pipeline_of_environment() -> str | None:
    """The pipeline run that this process belongs to, as a runner on this machine or a profile of a cluster names it."""
    return os.environ.get(PIPELINE_RUN) or os.environ.get(KFP_RUN)


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:12]


@contextmanager
def _ended(run: PipelineRun | StageRun) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        if isinstance(error, MemoryError):
            traceback.clear_frames(error.__traceback__)  # closing the run needs some of what they hold
        run.end(ending_of(error))
        raise
    run.end(Ending("FINISHED"))


def _sender(request: RunRequest, unsent: Path | None, consolation: str) -> Sender | None:
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
    sender = Sender(lambda: Store(request), Unsent(folder, request), consolation)
    if required and not sender.wait_until_open(runs.OPEN_SECONDS):
        sender.give_up()
        raise UserError(
            f"{TRACKING}=required, but MLflow at {server_name()} does not open the run: start the server, or set "
            f"{TRACKING}=optional, which keeps the run for simpgan sync"
        )
    return sender
