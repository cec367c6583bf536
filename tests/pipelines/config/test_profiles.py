"""Profiles: what they resolve to, and what is said of the ones that are wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.core.errors import UserError
from simpgan.pipelines.config.profiles import STAGES, names, read_profile
from simpgan.pipelines.config.profiles.settings import ON_A_GPU, quantity


@pytest.fixture
def write(tmp_path):
    """Writes a profile and returns its path."""

    def write(text: str, name: str = "profile.yaml") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def test_the_profiles_that_ship():
    assert names() == ["cpu", "eight-gpus", "laptop", "one-gpu"]
    gpus = {name: {stage: pod.gpus for stage, pod in read_profile(name).stages.items() if pod.gpus} for name in names()}
    assert gpus["cpu"] == gpus["laptop"] == {}
    assert gpus["one-gpu"] == dict.fromkeys(ON_A_GPU, 1)
    assert gpus["eight-gpus"] == dict.fromkeys(ON_A_GPU, 1) | {"pretrain": 8}


@pytest.mark.parametrize("name", names())
def test_a_profile_that_ships_bounds_every_pod(name):
    profile = read_profile(name)
    assert sorted(profile.stages) == STAGES
    for pod in profile.stages.values():
        assert all([pod.cpu, pod.memory, pod.memory_limit, pod.retries, pod.timeout_seconds])
        assert bool(pod.gpus) <= bool(pod.shared_memory and pod.tolerations)


def test_a_stage_has_what_is_said_of_every_stage_and_of_itself(write):
    text = "{every_stage: {cpu: '1', environment: {A: '1'}}, stages: {ingest: {cpu: '3', environment: {B: '2'}}}}"
    stages = read_profile(write(text)).stages
    assert (stages["ingest"].cpu, stages["ingest"].environment) == ("3", {"A": "1", "B": "2"})
    assert (stages["umdl"].cpu, stages["umdl"].environment) == ("1", {"A": "1"})


def test_a_profile_names_only_what_differs_from_the_one_it_extends(write):
    tolerations = "tolerations: [{key: a}]"
    write(f"{{data_root: 's3://one', every_stage: {{cpu: '1', memory: 1Gi, {tolerations}}}}}", "base.yaml")
    extending = "{extends: base.yaml, every_stage: {cpu: '2', tolerations: [{key: b}]}, stages: {umdl: {memory: 4Gi}}}"
    profile = read_profile(write(extending))
    umdl = profile.stages["umdl"]
    assert (profile.data_root, umdl.cpu, umdl.memory, umdl.tolerations[0].key) == ("s3://one", "2", "4Gi", "b")
    assert len(umdl.tolerations) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{data_rot: a}", "unknown setting 'data_rot': did you mean 'data_root'?"),
        ("{stages: {trian_gan: {gpus: 1}}}", "unknown stage 'trian_gan': did you mean 'train_gan'?"),
        ("{stages: {train_gan: {gpu: 1}}}", "unknown setting 'stages.train_gan.gpu': did you mean 'gpus'?"),
        ("{every_stage: {mem: 1Gi}}", "unknown setting 'stages.champion.mem': did you mean 'memory'?"),
        ("{every_stage: {tolerations: [{kye: a}]}}", "unknown setting 'tolerations.kye': did you mean 'key'?"),
        ("{every_stage: {tolerations: [{operator: Equals}]}}", "'tolerations.operator' has no choice 'Equals'"),
        ("{every_stage: {tolerations: [{operator: Equal}]}}", "a toleration with operator Equal needs a key"),
        ("{every_stage: {tolerations: [{key: a, value: b}]}}", "takes no value: write operator: Equal"),
        ("{every_stage: {memory: 8GB}}", "setting 'stages.champion.memory' = '8GB'"),
        ("{every_stage: {cpu: two}}", "setting 'stages.champion.cpu' = 'two'"),
        ("{every_stage: {cpu: '2', cpu_limit: 1500m}}", "cpu 2 is more than cpu_limit 1500m: raise the limit"),
        ("{every_stage: {shared_memory: 2Gi, memory_limit: 2G}}", "shared_memory 2Gi is more than memory_limit 2G"),
        ("{every_stage: {secrets: {s3: {key: A-B}}}}", "setting 'stages.champion.secrets.s3.key' = 'A-B'"),
        ("{every_stage: {timeout_seconds: -1}}", "should be greater than or equal to 0"),
        ("{image_pull_policy: Allways}", "'profile profile.image_pull_policy' has no choice 'Allways': did you mean"),
        ("{stages: {ingest: {gpus: 1}}}", "ingest computes on no GPU: ask for GPUs for pretrain, train_gan, translate"),
        (
            "{stages: {evaluate: {gpus: 2}}}",
            "evaluate uses one GPU, not 2: ask for several for pretrain, train_gan or self_train",
        ),
        ("- ingest", "is not a mapping: write 'stages: {train_gan: {gpus: 1}}'"),
        ("{stages: 3}", "'stages' is not a mapping of stages"),
        ("{stages: {ingest: 3}}", "'ingest' is not a mapping of settings"),
        ("{stages: {ingest: {}}", "is not YAML"),
        ("{extends: profile.yaml}", "extends itself"),
        ("{extends: one-gpus}", "unknown profile 'one-gpus': did you mean 'one-gpu'?"),
        ("{extends: [cpu]}", "'extends' names no profile"),
        ("{extends: gone.yaml}", "does not exist"),
    ],
)
def test_a_wrong_profile_is_refused_in_one_line(write, text, message):
    with pytest.raises(UserError) as refused:
        read_profile(write(text))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "number"),
    [("2", 2), ("1500m", 1.5), ("0.5", 0.5), ("2Gi", 2**31), ("2G", 2e9), ("1.5Ki", 1536), ("1T", 1e12)],
)
def test_quantities(text, number):
    assert quantity(text) == number


@given(st.integers(0, 10**6), st.sampled_from("KMGT"))
def test_a_binary_unit_is_the_greater_one(number, letter):
    assert quantity(f"{number}{letter}i") >= quantity(f"{number}{letter}")
