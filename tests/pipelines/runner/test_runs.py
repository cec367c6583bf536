"""Whole pipelines from the command line to the files of results, on generated data, all stages real."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from simpgan.components.core.results.probes import read_probes
from simpgan.components.core.results.rows import read_results
from simpgan.components.core.results.summary import CURVE_RANKS, final_figures
from simpgan.components.core.tracking import close_pipeline, stage_run
from simpgan.components.core.tracking.outcome import RunOutcome
from simpgan.components.core.tracking.sync import sync
from simpgan.components.self_train import stage as self_train
from simpgan.pipelines.demo_data import SOURCE_FOLDER, TARGET_FOLDER, generate
from simpgan.pipelines.runner.rerun import prepare_rerun, run_again
from simpgan.pipelines.runner.task_records import find_past_task, read_task
from tests.components.self_train.data_set import tiny, write_classifier
from tests.pipelines.recorded_names import documented, recorded, stands_for

TINY = str(Path(__file__).parents[1] / "tiny.yaml")


@pytest.fixture(scope="module")
def simpgan(python):
    """Runs the command line in a process of its own, apart from this one's tracking server."""

    def simpgan(*arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "SIMPGAN"))}
        command = [python, "-m", "simpgan.pipelines.cli", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    return simpgan


@pytest.fixture(scope="module")
def cameras(tmp_path_factory):
    """Options for the two generated camera networks."""
    folder = tmp_path_factory.mktemp("cameras")
    generate(folder, 0, source_identities=6, target_identities=4)
    return ["--source", f"market1501:{folder / SOURCE_FOLDER}", "--target", f"grid:{folder / TARGET_FOLDER}"]


@pytest.fixture(scope="module")
def adaptation(simpgan, cameras, tmp_path_factory):
    """A run with a sweep: its folder, its command, and how it ended."""
    out = tmp_path_factory.mktemp("run") / "out"
    sweep = ["--sweep", "train_gan.lambda_similarity=0.1,1"]
    command = ["run", "adapt", *cameras, "--preset", TINY, "--protocol", "all250", *sweep, "--seed", "5", "--out", out]
    return out, command, simpgan(*command)


@pytest.fixture
def finished(adaptation):
    """The same, for tests of what follows from a run that succeeded."""
    if adaptation[2].returncode:
        pytest.skip("the run failed, which is a test of its own")
    return adaptation


@pytest.mark.local
def test_a_run_succeeds(adaptation):
    _, _, ran = adaptation
    assert ran.returncode == 0, ran.stderr


@pytest.mark.local
def test_a_run_leaves_results_report_settings_and_prints_the_table(finished):
    out, _, ran = finished
    rows = json.loads((out / "results.json").read_text())["rows"]
    assert {"direct", "adabn", "simpgan"} <= {row["method"].split("+")[0] for row in rows}
    assert {(row["source"], row["target"], row["protocol"]) for row in rows} == {("market1501", "grid", "all250")}
    assert {row["seed"] for row in rows} == {5}
    assert {row["preset"] for row in rows} == {"tiny"}
    assert set(read_probes(out / "probes.parquet")["method"]) == {row["method"] for row in rows}
    assert "SimPGAN" in (out / "report.html").read_text()
    assert "seed: 5" in (out / "settings.yaml").read_text()
    assert (out / "command.txt").read_text() == (
        "simpgan run adapt --source market1501:market1501 --target grid:underground_reid --preset tiny.yaml "
        "--protocol all250 --sweep train_gan.lambda_similarity=0.1,1 --seed 5 --out out\n"
    )
    for said in ("SimPGAN (lambda_similarity=0.1)", "the right person first for", "rank-1", str(out / "report.html")):
        assert said in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr


@pytest.mark.local
def test_every_value_of_a_sweep_has_its_rows_and_the_choice_without_labels_is_said(finished):
    out, _, ran = finished
    rows = [row for row in read_results(out / "results.json") if row.method == "simpgan"]
    assert [row.variant for row in rows] == ["lambda_similarity=0.1", "lambda_similarity=1"]
    assert all(row.score is not None for row in rows)
    assert "market1501, all250, fold 0, seed 5: without labels one would choose SimPGAN (lambda_" in ran.stdout


@pytest.mark.local
def test_the_runs_of_the_stages_nest_under_that_of_the_pipeline(finished):
    out, _, _ = finished
    with sqlite3.connect(out / "mlflow.db") as store:
        runs = store.execute(
            "select name, status, value from runs left join tags"
            " on tags.run_uuid = runs.run_uuid and key = 'mlflow.parentRunId'"
        ).fetchall()
        (pipeline,) = store.execute("select run_uuid from runs where name like '% to %'").fetchone()
    assert len(runs) == 9
    assert {status for _, status, _ in runs} == {"FINISHED"}
    assert {parent for name, _, parent in runs if " to " not in name} == {pipeline}
    with sqlite3.connect(out / "mlflow.db") as store:
        of_pipeline = "select key, value from metrics where run_uuid = ? and key "
        figures = dict(store.execute(f"{of_pipeline} not like 'c%'", (pipeline,)).fetchall())
        curve = store.execute(f"{of_pipeline} = 'cmc/all250/direct' order by step", (pipeline,)).fetchall()
    assert figures == pytest.approx(final_figures(read_results(out / "results.json")))
    assert curve[0][1] == pytest.approx(figures["rank-1/all250/direct"])
    assert len(curve) == CURVE_RANKS


@pytest.fixture
def store_of(monkeypatch):
    """Has this process record in the store of a run's folder; returns its address."""
    for name in [name for name in os.environ if name.startswith(("MLFLOW", "SIMPGAN"))]:
        monkeypatch.delenv(name)

    def store_of(out):
        uri = f"sqlite:///{out / 'mlflow.db'}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        return uri

    return store_of


@pytest.mark.local
def test_a_stage_that_is_run_again_makes_the_same(finished, store_of, tmp_path):
    out, _, _ = finished
    store_of(out)
    name = "train_gan simpgan all250:0 lambda_similarity=1 (market1501, seed 5)"
    past = find_past_task(str(out), name)
    again = prepare_rerun(past, [])
    assert [each for each in again.differences if not each.startswith("code")] == []
    made = run_again(again, past, tmp_path / "again")
    (translate,) = [
        task
        for task in map(read_task, (out / "tasks").glob("translate*.json"))
        if task.artifacts["translator"][0].metadata["variant"] == "lambda_similarity=1"
    ]
    assert made == {"translator": translate.artifacts["translator"][0].digest}


RARE_SETTINGS = {
    "train_gan simpgan all250:0 lambda_similarity=1 (market1501, seed 5)": [
        "train_gan.steps=2",
        "train_gan.method=simpgan-fit",
        "train_gan.lambda_identity=5",
        "train_gan.classifier_rate=0.001",
    ],
    "pretrain": ["pretrain.images_per_identity=4", "pretrain.triplet_weight=1"],
}


@pytest.mark.local
def test_a_runs_adaptation_is_proposed_promoted_and_listed(simpgan, finished):
    """Before the names are compared, which are those of this command, too."""
    out, _, _ = finished
    several = simpgan("propose", out, "--method", "simpgan+adabn", "--variant", "lambda_similarity=2")
    assert several.returncode == 2
    assert (
        "has 0 trainings with method simpgan, variant lambda_similarity=2, where one is needed; it has"
        in several.stderr
    )
    proposed = simpgan("propose", out, "--method", "simpgan+adabn", "--variant", "lambda_similarity=1")
    assert proposed.returncode == 0, proposed.stderr
    assert "MLflow" not in proposed.stderr, "something was not recorded"
    assert "simpgan version 1 passes: rank-1" in proposed.stdout
    assert "of direct transfer, as there is no champion" in proposed.stdout
    promoted = simpgan("promote", "--out", out)
    assert promoted.returncode == 0, promoted.stderr
    assert "simpgan version 1 is the champion." in promoted.stdout
    header, version = simpgan("models", "--out", out).stdout.splitlines()
    assert header.split()[:3] == ["version", "alias", "method"]
    assert version.split()[:4] == ["1", "champion", "simpgan+adabn", "lambda_similarity=1"]
    rolled_back = simpgan("rollback", "--out", out)
    assert rolled_back.returncode == 2
    assert "simpgan has no previous champion: nothing to roll back to" in rolled_back.stderr
    assert "give the --out of a finished simpgan run adapt" in simpgan("propose", out.parent).stderr


@pytest.mark.local
def test_a_copy_of_a_run_is_a_run_of_its_own(simpgan, finished, tmp_path, store_of):
    out, command, _ = finished
    copy = Path(shutil.copytree(out, tmp_path / "copy"))
    out.rename(out.with_name("away"))
    try:
        again = simpgan(*command[:-1], copy)
        assert again.returncode == 0, again.stderr
        stages = [line for line in again.stderr.splitlines() if ": " in line and not line.startswith(" ")]
        assert all(line.endswith(": from cache") for line in stages), again.stderr
        proposed = simpgan("propose", copy, "--model", "copied")
        assert proposed.returncode == 0, proposed.stderr
        assert simpgan("compare", copy).returncode == 0
        assert simpgan("results", copy, "--out", tmp_path / "docs").returncode == 0
        store_of(tmp_path / "server")
        runs = sync(copy)
        assert (runs.there, runs.running) == (0, 0)
        uploaded = list((tmp_path / "server" / "mlartifacts").rglob("report.html"))
        assert len(uploaded) == len(list((copy / "mlartifacts").rglob("report.html"))) == 3
        assert not out.exists(), "something went to the place of the original"
    finally:
        out.with_name("away").rename(out)


@pytest.mark.local
def test_images_that_are_not_where_the_run_had_them_are_said_with_the_remedy(simpgan, finished, tmp_path):
    out, _, _ = finished
    (manifest,) = [path.parent for path in out.glob("artifacts/*/ingest-2/manifest/manifest.json")]
    exported = simpgan("export", manifest, "--out", tmp_path / "exported", "--protocol", "all250")
    assert exported.returncode == 0, exported.stderr
    wrong = simpgan("export", manifest, "--out", tmp_path / "wrong", "--data-root", tmp_path / "nothing")
    assert wrong.returncode == 2
    assert f"images of grid are not in {tmp_path / 'nothing'}, which --data-root names; the run had" in wrong.stderr
    (out / "data").rename(out / "elsewhere")
    try:
        task = "translate simpgan all250:0 lambda_similarity=1 (market1501, seed 5)"
        refused = simpgan("rerun", out, task, "--out", tmp_path / "again")
        assert refused.returncode == 2
        assert f"images of grid are not in {out / 'data'}, which the run {out} names: give" in refused.stderr
        assert simpgan("propose", out, "--model", "other").returncode == 2
        given = simpgan("propose", out, "--model", "other", "--data-root", out / "elsewhere")
        assert given.returncode == 0, given.stderr
    finally:
        (out / "elsewhere").rename(out / "data")


@pytest.mark.local
def test_every_name_is_documented_and_every_documented_name_is_recorded(
    finished, table, ingested, store_of, tmp_path, monkeypatch
):
    """Names that only some settings bring are those of reruns, which change nothing else."""
    out, _, _ = finished
    uri = store_of(out)
    for place, (name, assignments) in enumerate(RARE_SETTINGS.items()):
        past = find_past_task(str(out), name)
        again = prepare_rerun(past, assignments)
        told = [each.partition(" ")[0] for each in again.differences if not each.startswith("code")]
        assert sorted(told) == sorted(each.partition("=")[0] for each in assignments)
        run_again(again, past, tmp_path / str(place))
    record_what_goes_wrong(tmp_path, monkeypatch)
    start = write_classifier(tmp_path / "start")
    self_train.run(start, ingested.source, tiny(), ingested.data_root, tmp_path / "learned", ingested.source)
    stores = [recorded(uri), recorded(f"sqlite:///{table[0] / 'mlflow.db'}")]
    for title, patterns in documented().items():
        names = set().union(*(store[title] for store in stores))
        undocumented = [name for name in names if not any(stands_for(pattern, name) for pattern in patterns)]
        assert undocumented == [], f"{title}: not in docs/mlflow.md"
        unseen = [pattern for pattern in patterns if not any(stands_for(pattern, name) for name in names)]
        assert unseen == [], f"{title}: nothing records what docs/mlflow.md says"


def record_what_goes_wrong(folder, monkeypatch):
    """A stage of a cluster's run that fails, differs when it is tried again, and fails with its pipeline."""
    monkeypatch.setenv("KFP_RUN_ID", "cluster")
    monkeypatch.setenv("SIMPGAN_PIPELINE", "adapt")
    monkeypatch.setenv("SIMPGAN_IMAGE", "simpgan/ingest@sha256:0")
    monkeypatch.setenv("SIMPGAN_TASK", "ingest")
    for attempt in range(2):
        with (
            pytest.raises(ZeroDivisionError),
            stage_run("ingest", settings={"threads": attempt}, history=folder / "history.jsonl"),
        ):
            raise ZeroDivisionError
    close_pipeline(RunOutcome("FAILED", "failed"))


@pytest.mark.local
def test_a_second_run_does_nothing_again(simpgan, finished):
    out, command, ran = finished
    before = (out / "results.json").read_bytes()
    again = simpgan(*command)
    assert again.returncode == 0
    assert [line.endswith(": from cache") for line in again.stderr.splitlines()] == [True] * 9
    assert again.stdout == ran.stdout
    assert (out / "results.json").read_bytes() == before


@pytest.mark.local
def test_images_that_are_gone_are_made_again_and_nothing_else(simpgan, finished):
    out, command, ran = finished
    before = (out / "results.json").read_bytes()
    shutil.rmtree(out / "data" / "shards")
    again = simpgan(*command)
    assert again.returncode == 0, again.stderr
    done = [line.partition(" ...")[0] for line in again.stderr.splitlines() if line.endswith(" ...")]
    assert {name.split()[0] for name in done} == {"ingest", "translate"}
    assert len(done) == 4
    assert again.stdout == ran.stdout
    assert (out / "results.json").read_bytes() == before


@pytest.mark.local
def test_what_a_stage_refuses_ends_the_run_in_one_line(simpgan, tmp_path, cameras):
    (tmp_path / "empty").mkdir()
    source = ["--source", f"market1501:{tmp_path / 'empty'}"]
    ran = simpgan("run", "adapt", *source, *cameras[2:], "--out", tmp_path / "out")
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1].startswith("simpgan: ")
    assert str(tmp_path / "empty") in ran.stderr.splitlines()[-1]
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "out" / "results.json").exists()


@pytest.fixture(scope="module")
def whole_table(simpgan, cameras, tmp_path_factory):
    """A table of all methods over two seeds: its folder, its command, and how it ended."""
    out = tmp_path_factory.mktemp("table") / "out"
    seeds = ["--seed", "3", "--seed", "4"]
    methods = ["--method", "gan,simpgan,umdl,source-to-target", "--protocol", "all250"]
    command = ["run", "table1", *cameras, "--preset", TINY, *methods, *seeds, "--out", out]
    return out, command, simpgan(*command)


@pytest.fixture
def table(whole_table):
    """The same, for tests of what follows from a table that succeeded."""
    if whole_table[2].returncode:
        pytest.skip("the table failed, which is a test of its own")
    return whole_table


@pytest.mark.local
def test_a_table_succeeds(whole_table):
    _, _, ran = whole_table
    assert ran.returncode == 0, ran.stderr


@pytest.mark.local
def test_a_table_has_every_method_and_seed(table):
    out, _, ran = table
    rows = read_results(out / "results.json")
    for seed in (3, 4):
        bases = {row.method.split("+")[0] for row in rows if row.seed == seed}
        assert {"direct", "adabn", "gan", "simpgan", "umdl", "source-to-target"} <= bases
    assert {row.seed for row in rows} == {3, 4}
    assert len({row.key for row in rows}) == len(rows)
    assert set(read_probes(out / "probes.parquet")["seed"]) == {3, 4}
    for page in ("results.md", "results.html", "ablations.md", "ablations.html"):
        assert "SimPGAN" in (out / page).read_text()
    assert [path.name for path in sorted((out / "reports").iterdir())] == [
        "market1501-seed-3.html",
        "market1501-seed-4.html",
    ]
    assert "SimPGAN" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr


@pytest.mark.local
def test_what_several_cells_of_a_table_share_runs_once(table):
    _, _, ran = table
    began = [line.removesuffix(" ...") for line in ran.stderr.splitlines() if line.endswith(" ...") and line[0] != " "]
    assert len(set(began) - {"summarise", "check"}) == len(began) - 4  # one each a seed
    once = ["ingest market1501", "ingest grid"]
    for seed in (3, 4):
        where = f"(market1501, seed {seed})"
        once += [f"train_gan {method} all250:0 {where}" for method in ("gan", "simpgan")]
        once += [f"pretrain {where}", f"pretrain source-to-target all250:0 {where}", f"umdl all250:0 {where}"]
    assert set(once) <= set(began)
    from_cache = [line for line in ran.stderr.splitlines() if line.endswith(": from cache")]
    assert sum(line.startswith("train_gan simpgan") for line in from_cache) == 2


@pytest.mark.local
def test_every_task_of_a_table_has_a_run_of_its_own(table):
    out, _, ran = table
    with sqlite3.connect(out / "mlflow.db") as store:
        (runs,) = store.execute("select count(*) from runs").fetchone()
    began = [line for line in ran.stderr.splitlines() if line.endswith(" ...") and line[0] != " "]
    assert runs == 1 + sum(not line.startswith("check") for line in began)  # which only refuses


@pytest.mark.local
def test_a_tables_sources_in_the_targets_style_can_be_exported(simpgan, table, tmp_path):
    several = simpgan("export", table[0], "--layout", "imagefolder", "--out", tmp_path / "out")
    assert several.returncode == 2
    found = re.findall(r"(/\S+) \(pretrain source-to-target all250:0 \(market1501, seed \d\)\)", several.stderr)
    assert len(set(found)) == 2
    exported = simpgan("export", found[0], "--layout", "imagefolder", "--out", tmp_path / "out")
    assert exported.returncode == 0, exported.stderr
    assert exported.stdout.startswith(f"{tmp_path / 'out'}: market1501 by simpgan, protocol standard, fold 0")
    assert {path.suffix for path in (tmp_path / "out" / "train").iterdir()} == {".png", ".csv"}


@pytest.mark.local
def test_a_second_table_comes_from_the_cache(simpgan, table):
    _, command, ran = table
    again = simpgan(*command)
    assert again.returncode == 0
    assert all(line.endswith(": from cache") for line in again.stderr.splitlines())
    assert again.stdout == ran.stdout
