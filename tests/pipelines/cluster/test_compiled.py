"""What a compiled pipeline says of itself: its content, its cache, its parameters."""

import pytest
import yaml
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from kfp import dsl
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cluster.compiled import Compiled, read_compiled, refuse_other_type, tasks
from tests.pipelines.cluster.compiling import compiled
from tests.pipelines.words import bind, write


@dsl.pipeline(name="nested")
def nested(first: str, others: list, count: int = 3, also: bool = True, share: float = 0.5, named: dict = {}):  # noqa: B006
    """Tasks in a loop in a loop, in a condition there, in an exit handler, and after a loop."""
    ending = write(word=first)
    with dsl.ExitHandler(ending):
        with dsl.ParallelFor(others) as outer:
            with dsl.ParallelFor(others) as inner:
                write(word=inner.word)
            with dsl.If(first == "more"):
                write(word=first)
            written = write(word=outer.word)
        bind(words=dsl.Collected(written.outputs["folder"]))


@pytest.fixture(scope="module")
def pipeline():
    return compiled(nested)


def cached(pipeline):
    spec = json_format.ParseDict(dict(pipeline.pipeline), PipelineSpec())
    dags = [spec.root.dag, *(component.dag for component in spec.components.values())]
    return [task.caching_options.enable_cache for dag in dags for task in dag.tasks.values()]


def test_without_cache_reaches_the_tasks_of_every_graph(pipeline):
    assert sum(cached(pipeline)) == 5
    assert not any(cached(pipeline.without_cache()))
    assert sum(cached(pipeline)) == 5  # itself unchanged


def test_kfps_own_switch_does_not_reach_them(pipeline):
    """Why the pipeline is rewritten: should this test fail, kfp has learned it."""
    from kfp.client.client import _override_caching_options

    spec = json_format.ParseDict(dict(pipeline.pipeline), PipelineSpec())
    _override_caching_options(spec, False)
    assert any(cached(Compiled(json_format.MessageToDict(spec), {})))


def test_only_tasks_with_a_parameter_lose_the_cache(pipeline):
    words = [task for task in tasks(pipeline.without_cache("word").pipeline) if "word" in parameters(task)]
    others = [task for task in tasks(pipeline.without_cache("word").pipeline) if "word" not in parameters(task)]
    assert len(words) == 4
    assert all(task["cachingOptions"] == {} for task in words)
    assert sum(task.get("cachingOptions") == {"enableCache": True} for task in others) == 1


def parameters(task):
    return task.get("inputs", {}).get("parameters", {})


def test_the_digest_is_of_the_content(pipeline, tmp_path):
    assert pipeline.digest == compiled(nested).digest
    assert pipeline.digest != pipeline.without_cache().digest
    assert pipeline.digest != pipeline.named("other").digest
    with_platform = Compiled(pipeline.pipeline, {"platforms": {"kubernetes": {"deploymentSpec": {}}}})
    assert pipeline.digest != with_platform.digest
    for each in (pipeline, with_platform):
        path = tmp_path / "pipeline.yaml"
        path.write_text(each.as_yaml())
        assert read_compiled(path) == each


def test_every_parameter_is_passed_defaults_too(pipeline):
    given = {"first": "a", "others": [{"words": ["b"]}]}
    assert pipeline.complete(given) == {**given, "count": 3, "also": True, "share": 0.5, "named": {}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frist": "a"}, "pipeline nested has no parameter 'frist': did you mean 'first'?"),
        ({"first": 1}, "parameter 'first' = 1: it takes a STRING, which int is not"),
        ({"others": "a,b"}, "parameter 'others' = 'a,b': it takes a LIST, which str is not"),
        ({"count": True}, "parameter 'count' = True: it takes a NUMBER_INTEGER, which bool is not"),
        ({"count": 1.5}, "parameter 'count' = 1.5: it takes a NUMBER_INTEGER, which float is not"),
        ({"count": 2**53 + 1}, "parameter 'count' = 9007199254740993: integers above 2^53 would be rounded"),
        ({"others": [{"seed": 2**60}]}, "parameter 'others' = [{'seed': 1152921504606846976}]: integers above 2^53"),
        ({"also": "yes"}, "parameter 'also' = 'yes': it takes a BOOLEAN, which str is not"),
        ({"share": float("nan")}, "parameter 'share' = nan: JSON has no number nan"),
        ({"named": []}, "parameter 'named' = []: it takes a STRUCT, which list is not"),
    ],
)
def test_arguments_that_a_pipeline_does_not_take_are_refused(pipeline, arguments, message):
    with pytest.raises(UserError) as refused:
        pipeline.complete({"first": "a", "others": [], **arguments})
    assert str(refused.value).startswith(message)


def test_a_parameter_without_a_default_must_be_given(pipeline):
    with pytest.raises(UserError, match="pipeline nested: parameter 'first' is missing: give it a value"):
        pipeline.complete({"others": []})


@given(st.integers())
def test_an_integer_is_taken_if_it_arrives_as_itself(number):
    if int(float(number)) == number and abs(number) <= 2**53:
        refuse_other_type("seed", number, "NUMBER_INTEGER")
    elif abs(number) > 2**53:
        with pytest.raises(UserError):
            refuse_other_type("seed", number, "NUMBER_INTEGER")


@pytest.mark.parametrize("content", ["", "a: 1", "[", "a: 1\n---\nb: 2\n---\nc: 3", "schemaVersion: 2.1.0", "- 1"])
def test_a_file_that_is_no_pipeline_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "pipeline.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match="is no compiled pipeline") as refused:
        read_compiled(path)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        read_compiled(tmp_path / "gone.yaml")


def test_the_yaml_is_what_the_compiler_would_write(pipeline):
    (document,) = yaml.safe_load_all(pipeline.as_yaml())
    assert document == pipeline.pipeline
