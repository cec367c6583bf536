"""What replaces private parts of kfp.local fits the installed kfp."""

import inspect

import pytest
from kfp.local import cache, docker_task_handler, subprocess_task_handler
from kfp.local.orchestrator import task_spec_utils

from simpgan.pipelines.runner import kfp_patches
from simpgan.pipelines.runner.local import Stages


def parameters(function: object) -> str:
    """Names and defaults of a function's parameters, with self where it is called on an object."""
    signature = inspect.signature(function)
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(inspect.Signature(bare))


def refuse(image, command):
    raise AssertionError("nothing is run")


@pytest.mark.parametrize(
    ("module", "name", "patch"),
    [
        (cache, "get_local_cache", kfp_patches.cache_replaced(cache.LocalCache)),
        (subprocess_task_handler, "run_local_subprocess", kfp_patches.subprocess_replaced(refuse)),
        (docker_task_handler, "DockerTaskHandler", kfp_patches.container_replaced(refuse)),
        (task_spec_utils, "create_parameter_loop_iteration_task_spec", kfp_patches.nested_loops_corrected()),
    ],
)
def test_a_replacement_takes_what_kfp_gives(module, name, patch):
    original = getattr(module, name)
    with patch:
        replacement = getattr(module, name)
        assert replacement is not original
        assert parameters(replacement) == parameters(original)
    assert getattr(module, name) is original


@pytest.mark.parametrize(("exit_status", "outcome"), [(0, "SUCCESS"), (1, "FAILURE")])
def test_a_container_is_run_by_the_method_that_kfp_calls(exit_status, outcome):
    with kfp_patches.container_replaced(lambda image, command: exit_status):
        handler = docker_task_handler.DockerTaskHandler("image", ["command"], "root", None)
    assert parameters(type(handler).run) == parameters(docker_task_handler.DockerTaskHandler.run)
    assert handler.run().name == outcome


@pytest.mark.parametrize("method", ["compute_key", "get", "put", "_serialize_outputs", "_deserialize_outputs"])
def test_the_cache_of_a_run_takes_what_kfp_gives(method):
    stages, cached = Stages.__new__(Stages), cache.LocalCache.__new__(cache.LocalCache)
    assert parameters(getattr(stages, method)) == parameters(getattr(cached, method))
