"""The view of an experiment in MLflow's UI that people open first: pipelines by rank-1, with the columns that matter.

MLflow keeps a view that somebody shares as a tag of the experiment, and its page takes the tag's key from the
address. It has no view that opens by itself.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simpgan.components.core.results.methods import compares_otherwise, place
from simpgan.components.core.tracking.errors import explained
from simpgan.components.core.tracking.open_run import PIPELINE_TASK, TASK_TAG, connect, find_experiment
from simpgan.components.core.tracking.recorded_results import RESULT_METRIC, every_run

if TYPE_CHECKING:
    from mlflow.entities import Run

VIEW_TAG = "mlflow.sharedViewState."
PRIMARY_METRIC_TAG = "mlflow.experiment.primaryMetric.name"
KEY = "simpgan"
COLUMNS_OF_RUNS = ("source", "target", "method", "preset")
MOST_FIGURES = 4
"""So many methods and protocols have their rank-1 in the table; every other one is a click away."""

METRIC_WIDTH = 220
"""In pixels: so much room the name of a metric needs."""


@dataclass(frozen=True)
class View:
    """The address of a view below the server's own, and how many runs with results it shows."""

    path: str
    runs: int


def save_view() -> View:
    """Make or renew the view of the experiment that the environment names, for the results its runs have.

    Raises:
        UserError: the server does not answer.
    """
    with explained():
        client = connect()
        experiment = find_experiment(client)
        pipelines = every_run(client, experiment, f"tag.`{TASK_TAG}` = '{PIPELINE_TASK}'")
        with_results = [run for run in pipelines if figures_of([run])]
        figures = figures_of(with_results)
        client.set_experiment_tag(experiment, VIEW_TAG + KEY, json.dumps(state(figures)))
        if figures:
            client.set_experiment_tag(experiment, PRIMARY_METRIC_TAG, figures[0])
    return View(f"/#/experiments/{experiment}/runs?viewStateShareKey={KEY}", len(with_results))


def figures_of(runs: "Iterable[Run]") -> list[str]:
    """Names of the rank-1 that most of the runs have; of equally frequent ones the methods listed last come first.

    Direct transfer and AdaBN, which all others are compared with, follow in the protocol of the first one.
    """
    counted = Counter(name for run in runs for name in run.data.metrics if name.startswith(RESULT_METRIC))
    plain = [name for name in counted if not compares_otherwise(method_of(name))]
    ordered = sorted(plain, key=lambda name: (-counted[name], -place(method_of(name))[0], name))
    protocol = ordered[0].rpartition("/")[0] if ordered else ""
    baselines = [name for name in (f"{protocol}/direct", f"{protocol}/adabn") if name in counted]
    others = [name for name in ordered if name not in baselines]
    return [*others[: MOST_FIGURES - len(baselines)], *baselines]


def method_of(name: str) -> str:
    """The method that a metric is about; in metrics parts are joined by `-`, as in `rank-1/folds10/simpgan-adabn`."""
    method = name.rpartition("/")[2].partition(" ")[0]
    for part in ("adabn", "fused", "verification"):
        method = method.replace(f"-{part}", f"+{part}")
    return method


def state(figures: list[str]) -> Mapping[str, Any]:
    """What MLflow's page of runs is to show, in its own words.

    Args:
        figures: names of metrics, the most important one first; the runs are sorted by it.
    """
    metrics = [*figures, *(name.replace(RESULT_METRIC, "mAP/", 1) for name in figures[:1])]
    columns = [*(f"metrics.`{name}`" for name in metrics), *(f"tags.`{name}`" for name in COLUMNS_OF_RUNS)]
    return {
        "searchFilter": f"tags.`{TASK_TAG}` = '{PIPELINE_TASK}'",
        "orderByKey": f"metrics.`{figures[0]}`" if figures else "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": dict.fromkeys(columns[: len(metrics)], METRIC_WIDTH),
        "runsHiddenMode": "FIRST_20_RUNS",
        "hideEmptyCharts": True,
        "useGroupedValuesInCharts": True,
    }
