"""A pipeline set up for a cluster: every setting of a profile reaches its pods, and no cache key."""

import pytest
import yaml

from simpgan.components.core.images import StageImages
from simpgan.pipelines.cluster.compilation import compile_for_cluster, on_cluster
from simpgan.pipelines.cluster.compiled import Compiled
from simpgan.pipelines.config.profiles import read_profile
from simpgan.pipelines.graphs.adapt import adapt_pipeline
from tests.pipelines.graphs.compiled_tasks import dags, images

DIGEST = f"sha256:{'a' * 64}"
PROFILE = """
data_root: s3://bucket/data
image_pull_policy: Always
image_pull_secrets: [registry-login]
every_stage:
  cpu: 500m
  memory: 1Gi
  environment: {AWS_REGION: here}
  secrets: {store: {password: AWS_SECRET_ACCESS_KEY}}
  optional_secrets: {recorder: {uri: MLFLOW_TRACKING_URI}}
  retries: 4
  retry_seconds: 7
  retry_factor: 3
stages:
  pretrain:
    gpus: 4
    gpu_type: amd.com/gpu
    cpu_limit: "8"
    memory_limit: 4Gi
    shared_memory: 2Gi
    node_selector: {gpu: mi300}
    tolerations: [{key: team, operator: Equal, value: reid, effect: NoExecute}, {}]
    timeout_seconds: 90
  summarise: {retries: 0}
"""


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """The pipeline and its part for Kubernetes."""
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "profile.yaml").write_text(PROFILE)
    profile = read_profile(str(folder / "profile.yaml"))
    path = str(folder / "adapt.yaml")
    locked = StageImages(
        registry="registry.example", digests={"pretrain": DIGEST, "train-gan": DIGEST, "finish": DIGEST}
    )
    pipeline = adapt_pipeline(["simpgan"])
    (note,) = compile_for_cluster(pipeline, profile, locked, path)
    assert note.startswith("no digest: evaluate, ingest, translate: ")
    with open(path) as file:
        return list(yaml.safe_load_all(file))


@pytest.fixture(scope="module")
def pods(documents):
    """What Kubernetes is told, by executor."""
    return documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


@pytest.fixture(scope="module")
def containers(documents):
    executors = documents[0]["deploymentSpec"]["executors"]
    return {name: executor["container"] for name, executor in executors.items()}


def test_every_task_has_its_own_image_by_digest_if_there_is_one(documents):
    tagged = {f"registry.example/{name}:latest" for name in ("evaluate", "ingest", "translate")}
    assert images(documents[0]) == tagged | {
        f"registry.example/{name}@{DIGEST}" for name in ("pretrain", "train-gan", "finish")
    }


def test_the_pipeline_is_called_and_parametrised_as_before(documents):
    assert documents[0]["pipelineInfo"]["name"] == "adapt"
    parameters = documents[0]["root"]["inputDefinitions"]["parameters"]
    assert parameters.pop("data_root")["defaultValue"] == "s3://bucket/data"
    assert {"source_name", "adaptations", "evaluate_settings"} < set(parameters)
    assert all(parameter["description"] and "defaultValue" not in parameter for parameter in parameters.values())


def test_a_gpu_is_asked_for_only_where_the_profile_does(containers):
    with_gpu = {name for name, container in containers.items() if "accelerator" in container.get("resources", {})}
    assert with_gpu == {"exec-pretrain"}
    assert containers["exec-pretrain"]["resources"]["accelerator"]["resourceType"] == "amd.com/gpu"
    assert containers["exec-pretrain"]["resources"]["accelerator"]["resourceCount"] == "4"


def test_several_gpus_make_several_processes(containers):
    assert {"name": "SIMPGAN_PROCESSES", "value": "4"} in containers["exec-pretrain"]["env"]
    assert {"name": "AWS_REGION", "value": "here"} in containers["exec-pretrain"]["env"]
    assert "SIMPGAN_PROCESSES" not in {each["name"] for each in containers["exec-train-gan"]["env"]}


def test_a_pod_knows_its_image_and_its_pipeline(containers):
    for container in containers.values():
        told = {each["name"]: each["value"] for each in container["env"]}
        assert (told["SIMPGAN_IMAGE"], told["SIMPGAN_PIPELINE"]) == (container["image"], "adapt")


def test_requests_and_limits(containers):
    resources = containers["exec-pretrain"]["resources"]
    names = ("resourceCpuRequest", "resourceCpuLimit", "resourceMemoryRequest", "resourceMemoryLimit")
    assert [resources[name] for name in names] == ["500m", "8", "1Gi", "4Gi"]


def test_every_pod_has_the_secrets_and_knows_its_run_without_a_parameter(pods):
    assert len(pods) == 8
    for pod in pods.values():
        required, optional = pod["secretAsEnv"]
        assert (required["secretName"], required["optional"]) == ("store", False)
        assert required["keyToEnv"] == [{"secretKey": "password", "envVar": "AWS_SECRET_ACCESS_KEY"}]
        assert (optional["secretName"], optional["optional"]) == ("recorder", True)
        run = {"name": "KFP_RUN_ID", "fieldPath": "metadata.labels['pipeline/runid']"}
        assert pod["fieldPathAsEnv"] == [run]
        assert pod["imagePullPolicy"] == "Always"
        assert pod["imagePullSecret"][0]["secretName"] == "registry-login"


def test_what_is_said_of_a_node_reaches_its_pod_only(pods):
    pod = pods["exec-pretrain"]
    memory = {"volumeName": "shared-memory", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": "2Gi"}
    assert pod["emptyDirMounts"] == [memory]
    assert pod["nodeSelector"]["labels"] == {"gpu": "mi300"}
    team = {"key": "team", "operator": "Equal", "value": "reid", "effect": "NoExecute"}
    assert pod["tolerations"] == [team, {"operator": "Exists"}]
    assert pod["activeDeadlineSeconds"] == "90"
    others = {"emptyDirMounts", "nodeSelector", "tolerations", "activeDeadlineSeconds"}
    assert others.isdisjoint(pods["exec-train-gan"])


def test_every_task_in_every_loop_is_retried_with_growing_pauses(documents):
    policies = [task["retryPolicy"] for tasks in dags(documents[0]) for task in tasks.values() if "retryPolicy" in task]
    assert all(policy.pop("backoffMaxDuration") for policy in policies)
    assert policies == [{"maxRetryCount": 4, "backoffDuration": "7s", "backoffFactor": 3.0}] * 8
    assert Compiled(*documents).retries == 4


def test_only_a_training_is_restarted_in_its_pod_as_often_as_the_profile_says(containers):
    told = {name: {each["name"]: each["value"] for each in container["env"]} for name, container in containers.items()}
    assert {name: env["SIMPGAN_RESTARTS"] for name, env in told.items() if "SIMPGAN_RESTARTS" in env} == {
        "exec-pretrain": "4",
        "exec-train-gan": "4",
    }


def test_finish_runs_however_the_rest_ends_and_never_from_the_cache(documents):
    root = documents[0]["root"]["dag"]["tasks"]
    assert sorted(root) == ["exit-handler-1", "finish"]
    assert root["finish"]["dependentTasks"] == ["exit-handler-1"]
    assert root["finish"]["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    assert root["finish"]["inputs"]["parameters"]["status"] == {"taskFinalStatus": {"producerTask": "exit-handler-1"}}
    assert not root["finish"].get("cachingOptions", {}).get("enableCache")
    others = [task for tasks in dags(documents[0])[1:] for task in tasks.values() if "retryPolicy" in task]
    assert all(task["cachingOptions"]["enableCache"] for task in others)


def test_every_task_gets_every_parameter_of_its_component(documents):
    for tasks in dags(documents[0]):
        for task in tasks.values():
            component = documents[0]["components"][task["componentRef"]["name"]]
            if "executorLabel" in component:
                assert set(task["inputs"]["parameters"]) == set(component["inputDefinitions"]["parameters"])


def test_no_output_leaves_the_exit_handler(documents):
    assert "outputs" not in documents[0]["root"]["dag"]
    assert "outputDefinitions" not in documents[0]["root"]


def test_setting_up_a_pipeline_leaves_the_pipeline_itself_alone():
    pipeline = adapt_pipeline(["umdl"])
    before = pipeline.pipeline_spec.SerializeToString(deterministic=True)
    on_cluster(pipeline, read_profile("one-gpu"), StageImages())
    assert pipeline.pipeline_spec.SerializeToString(deterministic=True) == before
    assert pipeline.component_spec.outputs
