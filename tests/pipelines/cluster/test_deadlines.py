"""Argo's deadline for the retries of a task: counted from the start of the first attempt, it ends no attempt."""

from pathlib import Path

import pytest
import yaml

from simpgan.components.core.images import StageImages
from simpgan.pipelines.cluster.compilation import compile_for_cluster
from simpgan.pipelines.config.profiles import names, read_profile
from tests.pipelines.cluster.test_golden import PIPELINES
from tests.pipelines.graphs.compiled_tasks import dags


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


def deadlines_of_attempts(policy: dict[str, str | int | float], timeout: int) -> list[float]:
    """Return the seconds that each attempt has until the deadline, if all attempts before it took their whole time."""
    start, left = 0.0, []
    for attempt in range(int(policy["maxRetryCount"]) + 1):
        left.append(seconds(str(policy["backoffMaxDuration"])) - start)
        start += timeout + seconds(str(policy["backoffDuration"])) * float(policy["backoffFactor"]) ** attempt
    return left


@pytest.mark.parametrize("profile", names())
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_no_attempt_has_a_deadline_below_its_stages_timeout(tmp_path: Path, pipeline: str, profile: str) -> None:
    path = tmp_path / "pipeline.yaml"
    compile_for_cluster(PIPELINES[pipeline], read_profile(profile), StageImages(), str(path))
    document, platform = yaml.safe_load_all(path.read_text())
    pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    checked = 0
    for tasks in dags(document):
        for task in tasks.values():
            component = document["components"][task["componentRef"]["name"]]
            if "executorLabel" in component:
                timeout = int(pods[component["executorLabel"]]["activeDeadlineSeconds"])
                assert min(deadlines_of_attempts(task["retryPolicy"], timeout)) >= timeout
                checked += 1
    assert checked


def test_a_pod_without_a_timeout_has_no_deadline_in_practice(tmp_path: Path) -> None:
    (tmp_path / "profile.yaml").write_text("every_stage: {retries: 3}")
    assert read_profile(str(tmp_path / "profile.yaml")).stages["pretrain"].retry_deadline >= 10 * 365 * 24 * 3600
