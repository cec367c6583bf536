"""Save a view of an experiment for MLflow's UI: pipelines sorted by rank-1, with the most important columns.

MLflow keeps a shared view as a tag of the experiment, and its page takes the tag's key from the address. No view opens
by default.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simpgan.components.core.results.layout import BASELINES
from simpgan.components.core.results.methods import METHODS, PARTS, compares_otherwise, place
from simpgan.components.core.tracking.client import connect, find_experiment, search_all_runs
from simpgan.components.core.tracking.errors import explained
from simpgan.components.core.tracking.recorded_results import RESULT_METRIC
from simpgan.components.core.tracking.tags import PIPELINE_TASK, TASK_TAG

if TYPE_CHECKING:
    from mlflow.entities import Run

VIEW_TAG = "mlflow.sharedViewState."
PRIMARY_METRIC_TAG = "mlflow.experiment.primaryMetric.name"
KEY = "simpgan"
COLUMNS_OF_RUNS = ("source", "target", "method", "preset")
MOST_METRICS = 2
"""At most so many columns of rank-1 beside those of the baselines; the others are a click away."""

PART = re.compile(rf"-({'|'.join(sorted(PARTS, key=len, reverse=True))})")
"""A part of a method in the name of a metric; a longer one that ends like another comes first."""

METRIC_WIDTH = 220
"""In pixels; wide enough for the name of a metric."""


@dataclass(frozen=True)
class SavedView:
    """The path of a view on the server, and the number of runs with results that it shows."""

    path: str
    runs: int


def save_view() -> SavedView:
    """Create or update the view of the experiment that the environment names, for the results of its runs.

    Raises:
        UserError: the server does not answer.
    """
    with explained():
        client = connect()
        experiment = find_experiment(client)
        pipelines = search_all_runs(client, experiment, f"tag.`{TASK_TAG}` = '{PIPELINE_TASK}'")
        with_results = [run for run in pipelines if frequent_metrics([run])]
        metrics = frequent_metrics(with_results)
        client.set_experiment_tag(experiment, VIEW_TAG + KEY, json.dumps(view_state(metrics)))
        if metrics:
            client.set_experiment_tag(experiment, PRIMARY_METRIC_TAG, metrics[0])
    return SavedView(f"/#/experiments/{experiment}/runs?viewStateShareKey={KEY}", len(with_results))


def frequent_metrics(runs: "Iterable[Run]") -> list[str]:
    """Return the names of the rank-1 metrics that most of the runs have; among equals, the methods listed last first.

    Direct transfer and AdaBN, with which all others are compared, follow in the protocol of the first one.
    """
    counted = Counter(name for run in runs for name in run.data.metrics if name.startswith(RESULT_METRIC))
    plain = [name for name in counted if not compares_otherwise(method_of(name))]
    ordered = sorted(plain, key=lambda name: (-counted[name], -place(method_of(name))[0], name))
    protocol = ordered[0].rpartition("/")[0] if ordered else ""
    baselines = [name for name in (f"{protocol}/{baseline}" for baseline in BASELINES) if name in counted]
    others = [name for name in ordered if name not in baselines]
    return [*others[:MOST_METRICS], *baselines]


def method_of(name: str) -> str:
    """Return the method of a metric; metrics join parts by `-`, as in `rank-1/folds10/simpgan-adabn`."""
    method = name.rpartition("/")[2].partition(" ")[0]
    written = {base.replace("+", "-"): base for base in METHODS}
    found = max((each for each in written if f"{method}-".startswith(f"{each}-")), key=len, default="")
    return written.get(found, "") + PART.sub(r"+\1", method.removeprefix(found))


def view_state(metrics: list[str]) -> Mapping[str, Any]:
    """Return the state of MLflow's page of runs.

    Args:
        metrics: names of metrics, the most important one first; the runs are sorted by it.
    """
    shown = [*metrics, *(name.replace(RESULT_METRIC, "mAP/", 1) for name in metrics[:1])]
    columns = [*(f"metrics.`{name}`" for name in shown), *(f"tags.`{name}`" for name in COLUMNS_OF_RUNS)]
    return {
        "searchFilter": f"tags.`{TASK_TAG}` = '{PIPELINE_TASK}'",
        "orderByKey": f"metrics.`{metrics[0]}`" if metrics else "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": dict.fromkeys(columns[: len(shown)], METRIC_WIDTH),
        "runsHiddenMode": "FIRST_20_RUNS",
        "hideEmptyCharts": True,
        "useGroupedValuesInCharts": True,
    }
