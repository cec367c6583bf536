"""The finish stage as a KFP component."""

from kfp import dsl

from simpgan.components.core.images import image


@dsl.component(base_image=image("finish"), install_kfp_package=False)
def finish(pipeline: str, status: dsl.PipelineTaskFinalStatus) -> None:
    """Report how a pipeline run ended. This is the exit handler, which runs however the run ended.

    Args:
        pipeline: name of the pipeline.
        status: Kubeflow's status of the run, which it passes itself.
    """
    from simpgan.components.finish import stage

    stage.run(pipeline, status.state, status.error_message or "")
