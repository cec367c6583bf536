"""Compile a pipeline for a cluster: pods by a profile, images by digest, and an exit handler."""

import inspect
from collections.abc import Callable
from typing import Any

from google.protobuf.json_format import MessageToDict
from kfp import dsl, kubernetes
from kfp.compiler import Compiler
from kfp.dsl.graph_component import GraphComponent
from kfp.dsl.pipeline_context import Pipeline
from kfp.dsl.pipeline_task import PipelineTask

from simpgan.components.core.images import StageImages, image
from simpgan.components.core.process.provenance import IMAGE
from simpgan.components.core.tracking.context import KFP_RUN, PIPELINE_NAME
from simpgan.components.core.training.launch import PROCESSES, RESTARTS
from simpgan.components.finish.component import finish
from simpgan.pipelines.config.profiles import STAGES
from simpgan.pipelines.config.profiles.settings import JOINTLY, Profile, StageProfile

RUN_LABEL = "metadata.labels['pipeline/runid']"
SHARED_MEMORY = "shared-memory"
STAGE_OF_IMAGE = {image(stage): stage for stage in STAGES}


def on_cluster(pipeline: GraphComponent, profile: Profile, images: StageImages, run_name: str = "") -> GraphComponent:
    """Wrap the pipeline in an exit handler, and set up every task by `profile`.

    The wrapped pipeline returns nothing: an output cannot leave an exit handler.

    Args:
        run_name: Name of the pipeline's run in MLflow if a stage creates it; empty: the name of the pipeline.
    """
    name, function = pipeline.name, pipeline.pipeline_func

    def build(*arguments: Any) -> None:
        last = finish(pipeline=name).set_caching_options(False)
        with dsl.ExitHandler(last):
            function(*arguments)
        for task in Pipeline.get_default_pipeline().tasks.values():
            set_up(task, profile, images, run_name or name)

    return dsl.pipeline(name=name, description=pipeline.description)(with_signature_of(function, build))


def compile_for_cluster(
    pipeline: GraphComponent, profile: Profile, images: StageImages, path: str, run_name: str = ""
) -> list[str]:
    """Write the pipeline for a cluster to the YAML file `path`. Return warnings about its images.

    Args:
        run_name: As in `on_cluster`.
    """
    defaults = {"data_root": profile.data_root} if profile.data_root else None
    built = on_cluster(pipeline, profile, images, run_name)
    Compiler().compile(built, path, pipeline_parameters=defaults)
    executors = MessageToDict(built.pipeline_spec.deployment_spec)["executors"].values()
    used = {executor["container"]["image"] for executor in executors}
    tagged = images.without_digest(stage for stage in STAGES if images.reference(stage) in used)
    without = f"no digest: {', '.join(tagged)}: the cluster takes what is called latest when it starts them"
    return [without] if tagged else []


def with_signature_of(function: Callable[..., Any], build: Callable[..., None]) -> Callable[..., None]:
    """Return `build` with the parameters and the documentation of `function`, where kfp reads them."""
    signature = inspect.signature(function).replace(return_annotation=inspect.Signature.empty)
    build.__signature__ = signature  # type: ignore[attr-defined]
    build.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
    build.__doc__ = function.__doc__
    return build


def set_up(task: PipelineTask, profile: Profile, images: StageImages, run_name: str) -> None:
    """Give a task its image, its environment and its pod."""
    stage = STAGE_OF_IMAGE[task.container_spec.image]
    task.set_container_image(images.reference(stage))
    kubernetes.set_image_pull_policy(task, profile.image_pull_policy)
    if profile.image_pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(profile.image_pull_secrets))
    set_environment(task, profile.stages[stage])
    task.set_env_variable(IMAGE, images.reference(stage))
    task.set_env_variable(PIPELINE_NAME, run_name)
    if stage in JOINTLY:
        task.set_env_variable(RESTARTS, str(profile.stages[stage].retries))
    set_pod(task, profile.stages[stage])


def set_environment(task: PipelineTask, pod: StageProfile) -> None:
    """Give a task its environment variables, and those that name its run and its processes."""
    for name, value in pod.environment.items():
        task.set_env_variable(name, value)
    for secrets, optional in ((pod.secrets, False), (pod.optional_secrets, True)):
        for secret, variables in secrets.items():
            kubernetes.use_secret_as_env(task, secret, variables, optional=optional)
    # As a parameter it would make every cache key another one.
    kubernetes.use_field_path_as_env(task, KFP_RUN, RUN_LABEL)
    if pod.gpus > 1:
        task.set_env_variable(PROCESSES, str(pod.gpus))


def set_pod(task: PipelineTask, pod: StageProfile) -> None:
    """Set a task's node requirements, retries and timeout."""
    if pod.gpus:
        task.set_accelerator_type(pod.gpu_type).set_accelerator_limit(pod.gpus)
    for given, set_quantity in (
        (pod.cpu, task.set_cpu_request),
        (pod.cpu_limit, task.set_cpu_limit),
        (pod.memory, task.set_memory_request),
        (pod.memory_limit, task.set_memory_limit),
    ):
        if given:
            set_quantity(given)
    if pod.shared_memory:
        kubernetes.empty_dir_mount(task, SHARED_MEMORY, "/dev/shm", medium="Memory", size_limit=pod.shared_memory)
    for label, value in pod.node_selector.items():
        kubernetes.add_node_selector(task, label, value)
    for each in pod.tolerations:
        kubernetes.add_toleration(task, each.key or None, each.operator, each.value or None, each.effect or None)
    if pod.retries:
        task.set_retry(pod.retries, f"{pod.retry_seconds}s", pod.retry_factor, f"{pod.retry_deadline}s")
    if pod.timeout_seconds:
        kubernetes.set_timeout(task, pod.timeout_seconds)
