"""The finish stage as a KFP component."""

from kfp import dsl

from simpgan.components.core.images import image


@dsl.component(base_image=image("finish"), install_kfp_package=False)
def finish(pipeline: str, status: dsl.PipelineTaskFinalStatus) -> None:
    """Write down how a pipeline run ended. It is the run's exit handler, and runs however the run ended.

    Args:
        pipeline: name of the pipeline.
        status: what Kubeflow says of the run; it passes this itself.
    """
    from simpgan.components.finish import stage

    stage.run(pipeline, status.state, status.error_message or "")
