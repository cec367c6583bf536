"""What the command line makes of a target without labels."""

from types import SimpleNamespace

import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.probes import no_probes, write_probes
from simpgan.components.core.results.rows import write_results
from simpgan.components.core.results.unlabelled_checks import Checks, Measures, Sample, write_checks
from simpgan.components.core.tracking import pipeline_run
from simpgan.components.summarise import stage as summarise
from simpgan.components.summarise.settings import SummariseSettings
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.pipelines.cli.run import show
from simpgan.pipelines.reports.results_page import publish
from simpgan.pipelines.requests.data_sets import DataSet
from simpgan.pipelines.requests.sweep import PlannedAdaptation, Split, every_split, plan
from simpgan.pipelines.runner import runs

CAMERAS = DataSet("cameras", "somewhere", "cameras")
MEASURED = {"score": 0.8, "frechet": 0.4, "neighbours": 0.5, "cycle_target": 0.125, "entropy": 2.0}


@pytest.fixture
def evaluation(tmp_path):
    folder = tmp_path / "evaluation"
    write_results([], folder / "results.json")
    write_probes(no_probes(), folder / "probes.parquet")
    direct = {**MEASURED, "score": 1.0, "frechet": 1.0, "neighbours": 1.0, "cycle_target": None}
    methods = {"simpgan+adabn": Measures(**MEASURED), "direct": Measures(**direct)}
    sample = Sample(protocol="cameras", fold=0, seed=0, source=9, target=8)
    write_checks(Checks(target="t", classifier="c", sample=sample, methods=methods), folder / "checks.json")
    (folder / "report.html").write_text("page")
    return folder


def test_the_only_protocol_is_taken_and_umdl_has_nothing_to_make():
    assert plan(TrainGanSettings(), ["simpgan"], [], CAMERAS).adaptations == (
        PlannedAdaptation("simpgan", Split("cameras", 0)),
    )
    with pytest.raises(UserError, match="umdl makes features of probes, and cameras has none: leave it out"):
        plan(TrainGanSettings(), ["simpgan", "umdl"], [], CAMERAS)


def test_table1_needs_labels():
    with pytest.raises(UserError, match="cameras has no labels to measure with"):
        every_split(CAMERAS)


def test_the_end_of_a_run_shows_checks_and_says_what_nobody_knows(evaluation, capsys):
    show([], evaluation, f"The report: {evaluation}/report.html")
    said = capsys.readouterr().out
    assert "accuracy cannot be measured" in said
    lines = [line.split() for line in said.splitlines()]
    assert ["Direct", "transfer", "1", "1", "1", "2"] in lines
    assert ["SimPGAN", "+", "AdaBN", "0.8", "0.4", "0.5", "0.125", "2"] in lines
    assert "rank-1" not in said


def test_what_a_run_keeps_and_records(evaluation, tmp_path, client):
    out = tmp_path / "out"
    out.mkdir()
    names = (runs.RESULTS, runs.PROBES, runs.CHECKS, runs.REPORT)
    with pipeline_run("adapt", tags={}, parameters={}) as tracked:
        assert runs.copy_results(SimpleNamespace(output=evaluation), names, out, tracked) == []
    (run,) = client.search_runs([each.experiment_id for each in client.search_experiments()])
    artifacts = [each.path for each in client.list_artifacts(run.info.run_id)]
    assert sorted(artifacts) == sorted(path.name for path in out.iterdir()) == sorted(names)
    assert run.data.metrics["check/score/simpgan-adabn"] == 0.8
    assert "check/cycle_target/direct" not in run.data.metrics
    assert not [name for name in run.data.metrics if name.startswith("cmc/")]


def test_there_is_nothing_to_publish_or_to_sum_up(evaluation, tmp_path):
    with pytest.raises(UserError, match="nothing in these runs was measured with labels"):
        publish([evaluation], tmp_path / "docs")
    with pytest.raises(UserError, match="no evaluation has labels"):
        summarise.run([evaluation], SummariseSettings(), tmp_path / "summary")
