"""Where runs leave their traces: MLflow when `MLFLOW_TRACKING_URI` is set, and always a file.

Only this package imports mlflow, and only when a tracking server or store is named, so that a stage also runs
where mlflow is not installed.

    with pipeline_run("adapt", tags={"target": "grid"}, parameters=parameters) as pipeline:
        ...  # starts the stages; they find their parent by themselves

    with stage_run("train_gan", settings=settings.model_dump(), history=folder / "history.jsonl") as run:
        run.data_sets(manifest.recorded(folder, "train"))
        run.resume(checkpoint.step)                      # only when training goes on from a checkpoint
        for step in ...:
            run.metrics(step, {"loss/cycle": 0.25})
            if step % 500 == 0:
                run.flush()
                save_checkpoint(step)
        run.summary({"cmc/rank-1": 31.2})
"""

from simpgan.components.core.tracking.context import pipeline_run, stage_run
from simpgan.components.core.tracking.lineage import DataSet
from simpgan.components.core.tracking.metric_log import read_history
from simpgan.components.core.tracking.parent_run import open_pipeline
from simpgan.components.core.tracking.pipeline_end import close_pipeline
from simpgan.components.core.tracking.runs import PipelineRun, StageRun

__all__ = [
    "DataSet",
    "PipelineRun",
    "StageRun",
    "close_pipeline",
    "open_pipeline",
    "pipeline_run",
    "read_history",
    "stage_run",
]
