"""Tracking of runs: in MLflow if `MLFLOW_TRACKING_URI` is set, and always in a file.

mlflow is imported only if a tracking server or store is named, so a stage also runs where mlflow is not installed.

    with pipeline_run("adapt", tags={"target": "grid"}, parameters=parameters) as pipeline:
        ...  # starts the stages, which find their parent run by themselves

    with stage_run("train_gan", task=task, settings=settings.model_dump(), history=folder / "history.jsonl") as run:
        run.log_data_set(manifest, folder, "train")
        run.resume(checkpoint.step)                      # only when training continues from a checkpoint
        for step in ...:
            run.log_metrics(step, {"loss/cycle": 0.25})
            if step % 500 == 0:
                run.flush()
                save_checkpoint(step)
        run.log_summary({"cmc/rank-1": 31.2})
"""

from simpgan.components.core.tracking.context import pipeline_run, stage_run
from simpgan.components.core.tracking.metric_log import read_history
from simpgan.components.core.tracking.parent_run import open_pipeline
from simpgan.components.core.tracking.pipeline_end import close_pipeline
from simpgan.components.core.tracking.runs import PipelineRun, StageRun

__all__ = [
    "PipelineRun",
    "StageRun",
    "close_pipeline",
    "open_pipeline",
    "pipeline_run",
    "read_history",
    "stage_run",
]
