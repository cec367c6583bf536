"""The names that runs in MLflow hold, and those that docs/mlflow.md has in its tables."""

import re
from collections.abc import Iterator
from pathlib import Path

from mlflow.tracking import MlflowClient

PAGE = Path(__file__).parents[2] / "docs" / "mlflow.md"
TABLE = re.compile(r"^### (Metrics|Parameters|Tags|Artifacts)\n(.*?)(?=^##)", re.MULTILINE | re.DOTALL)


def documented() -> dict[str, list[str]]:
    """The names in the first column of each table, by the table's title."""
    tables = {}
    for title, text in TABLE.findall(PAGE.read_text()):
        columns = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
        tables[title] = [name for column in columns for name in re.findall(r"`([^`]+)`", column)]
    return tables


def recorded(uri: str) -> dict[str, set[str]]:
    """The names in a store of runs, by the title of their table."""
    client = MlflowClient(uri)
    names: dict[str, set[str]] = {"Metrics": set(), "Parameters": set(), "Tags": set(), "Artifacts": set()}
    for run in client.search_runs([experiment.experiment_id for experiment in client.search_experiments()]):
        names["Metrics"] |= run.data.metrics.keys()
        names["Parameters"] |= run.data.params.keys()
        names["Tags"] |= run.data.tags.keys()
        names["Artifacts"] |= set(files(client, run.info.run_id, None))
    return names


def files(client: MlflowClient, run_id: str, folder: str | None) -> Iterator[str]:
    """The paths of a run's artifacts."""
    for file in client.list_artifacts(run_id, folder):
        if file.is_dir:
            yield from files(client, run_id, file.path)
        else:
            yield file.path


def stands_for(pattern: str, name: str) -> bool:
    """Whether a name is what a documented one means, where `<...>` stands for any text."""
    parts = re.split(r"<[^>]*>", pattern)
    return re.fullmatch(".+".join(map(re.escape, parts)), name) is not None
