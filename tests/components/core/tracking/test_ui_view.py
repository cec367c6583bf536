"""The view of an experiment that opens first."""

import json

from simpgan.components.core.tracking import pipeline_run
from simpgan.components.core.tracking.ui_view import method_of, save_view


def recorded_view(client):
    experiment = client.get_experiment_by_name("simpgan")
    return json.loads(experiment.tags["mlflow.sharedViewState.simpgan"]), experiment.experiment_id


def test_the_figures_that_most_runs_have_come_first(client):
    for figures in (
        {"rank-1/folds10/direct": 1.0, "rank-1/folds10/simpgan": 2.0, "mAP/folds10/simpgan": 3.0},
        {"rank-1/folds10/simpgan": 4.0, "rank-1/folds10/simpgan-fused": 5.0},
    ):
        with pipeline_run("adapt", {}, {}) as run:
            run.log_metrics(figures)
    view = save_view()
    state, experiment = recorded_view(client)
    assert view.runs == 2
    assert view.path == f"/#/experiments/{experiment}/runs?viewStateShareKey=simpgan"
    assert state["orderByKey"] == "metrics.`rank-1/folds10/simpgan`"
    assert state["orderByAsc"] is False
    assert state["selectedColumns"][:3] == [
        "metrics.`rank-1/folds10/simpgan`",
        "metrics.`rank-1/folds10/direct`",
        "metrics.`mAP/folds10/simpgan`",
    ]
    assert "tags.`target`" in state["selectedColumns"]
    tags = client.get_experiment(experiment).tags
    assert tags["mlflow.experiment.primaryMetric.name"] == "rank-1/folds10/simpgan"


def test_direct_transfer_and_adabn_have_columns_beside_any_number_of_methods(client):
    methods = ("simpgan-fit-adabn", "simpgan-adabn", "simpgan", "cyclegan-adabn", "cyclegan", "gan", "adabn", "direct")
    with pipeline_run("adapt", {}, {}) as run:
        run.log_metrics({f"rank-1/all250/{method}": 1.0 for method in methods})
    save_view()
    columns = recorded_view(client)[0]["selectedColumns"]
    assert columns[2:4] == ["metrics.`rank-1/all250/direct`", "metrics.`rank-1/all250/adabn`"]
    assert len([column for column in columns if "rank-1" in column]) == 4


def test_names_of_metrics_are_those_of_methods():
    methods = ("adabn", "camera-adabn", "camera-adabn+fused", "simpgan-fit+camera-adabn+verification", "gan+adabn")
    assert [method_of(f"rank-1/all250/{method.replace('+', '-')}") for method in methods] == list(methods)


def test_a_run_says_what_it_is_and_by_whom(client, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "somebody")
    tags = {"source": "market1501", "target": "grid", "method": "simpgan", "preset": "small"}
    with pipeline_run("simpgan, small, market1501 to grid", tags, {}):
        pass
    [run] = client.search_runs([client.get_experiment_by_name("simpgan").experiment_id])
    said = run.data.tags["mlflow.note.content"]
    assert said == "Trained on market1501, evaluated on grid: simpgan, preset small."
    assert run.data.tags["mlflow.user"] == "somebody"
    assert (run.data.tags["mlflow.source.name"], run.data.tags["mlflow.source.type"]) == ("simpgan", "LOCAL")


def test_without_results_there_is_a_view_of_the_latest_runs(client):
    assert save_view().runs == 0
    assert recorded_view(client)[0]["orderByKey"] == "attributes.start_time"
