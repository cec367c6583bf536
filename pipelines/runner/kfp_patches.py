"""Replace private parts of kfp.local, which has no hooks for a run's cache, output, exit status and interrupts.

A test compares the signature of every replacement with that of the installed kfp.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from kfp.local import cache, docker_task_handler, status, subprocess_task_handler
from kfp.local.orchestrator import task_spec_utils
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineTaskSpec

RunStage = Callable[[str, Sequence[str]], int]
"""Runs the command of a stage, given its image and the command. Returns the exit status."""

_ITERATION_TASK_SPEC = task_spec_utils.create_parameter_loop_iteration_task_spec


@contextmanager
def cache_replaced(replacement: cache.LocalCache) -> Iterator[None]:
    """Use `replacement` as the cache in this block, because kfp.local takes a folder for its own cache only."""

    def get_local_cache() -> cache.LocalCache:
        return replacement

    with _replaced(cache, get_local_cache):
        yield


@contextmanager
def subprocess_replaced(run: RunStage) -> Iterator[None]:
    """Run stages by `run` in this block, because kfp.local prints a process's output and leaves it on an interrupt."""

    def run_local_subprocess(full_command: Sequence[str], env_vars: Mapping[str, str] | None = None) -> int:
        return run("", full_command)

    with _replaced(subprocess_task_handler, run_local_subprocess):
        yield


@contextmanager
def container_replaced(run: RunStage) -> Iterator[None]:
    """Run stages by `run` in this block, because kfp.local lets the engine remove a container before its status."""

    class DockerTaskHandler:
        def __init__(
            self,
            image: str,
            full_command: Sequence[str],
            pipeline_root: str,
            runner: Any,
            env_vars: Mapping[str, str] | None = None,
        ) -> None:
            self.image, self.command = image, full_command

        def run(self) -> status.Status:
            return status.Status.FAILURE if run(self.image, self.command) else status.Status.SUCCESS

    with _replaced(docker_task_handler, DockerTaskHandler):
        yield


@contextmanager
def nested_loops_corrected() -> Iterator[None]:
    """Correct nested loops in this block, because kfp.local puts an inner loop's item into its outer loop's place too.

    The outer loop's item is restored in each iteration of the inner loop.
    """

    def create_parameter_loop_iteration_task_spec(
        original_task_spec: PipelineTaskSpec, loop_item: Any, loop_task_name: str
    ) -> PipelineTaskSpec:
        spec = _ITERATION_TASK_SPEC(original_task_spec, loop_item, loop_task_name)
        for parameter, given in original_task_spec.inputs.parameters.items():
            spec.inputs.parameters[parameter].CopyFrom(given)
        return spec

    with _replaced(task_spec_utils, create_parameter_loop_iteration_task_spec):
        yield


@contextmanager
def _replaced(module: Any, replacement: Any) -> Iterator[None]:
    """Replace the attribute of the module that has the replacement's name."""
    original = getattr(module, replacement.__name__)
    setattr(module, replacement.__name__, replacement)
    try:
        yield
    finally:
        setattr(module, replacement.__name__, original)
