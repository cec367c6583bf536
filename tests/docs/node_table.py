"""The table of docs/kubeflow.md with what a node must have for each profile, made from the profiles."""

from simpgan.pipelines.config.profiles import names, read_profile
from simpgan.pipelines.config.profiles.settings import quantity

PAGE = "docs/kubeflow.md"
HEAD = ("| profile | cores | memory | memory at most | GPUs |", "| --- | --: | --: | --: | --: |")


def table() -> str:
    """Return the table: per profile the most that a stage requests, and the highest memory limit."""
    return "\n".join([*HEAD, *(row(name) for name in names())])


def row(name: str) -> str:
    """Return the row of a profile."""
    pods = read_profile(name).stages.values()
    most = [max((getattr(pod, each) for pod in pods), key=quantity) for each in ("cpu", "memory", "memory_limit")]
    return f"| `{name}` | {' | '.join(most)} | {max(pod.gpus for pod in pods)} |"


if __name__ == "__main__":
    print(table())
