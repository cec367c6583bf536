"""Runs beside one another: what is comparable, what differs, and what is said."""

import csv
import json

import pytest

from simpgan.components.core.errors import UserError
from simpgan.pipelines.reports.comparison.groups import grouped
from simpgan.pipelines.reports.comparison.pages import write
from simpgan.pipelines.reports.comparison.runs import read_runs
from simpgan.pipelines.reports.comparison.tables import in_terminal
from simpgan.pipelines.reports.comparison.words import differing
from tests.components.core.results.made_up import ranked
from tests.pipelines.reports.comparison.made import BAD, GOOD, run_folder, simpgan


def compared(*folders, methods=(), baseline=""):
    runs = read_runs(folders, "")
    return runs, grouped(runs, methods, baseline)


@pytest.fixture
def two(tmp_path):
    settings = {"train_gan": {"lambda_similarity": 0.1, "seed": 0}, "pretrain": {"seed": 0}}
    changed = {"train_gan": {"lambda_similarity": 5.0, "seed": 1}, "pretrain": {"seed": 1}}
    return (
        run_folder(tmp_path / "low", ranked("direct", BAD), simpgan(GOOD), settings=settings),
        run_folder(tmp_path / "high", ranked("direct", BAD), simpgan(BAD), settings=changed),
    )


def test_the_better_run_is_said_to_be_so_by_more_than_chance(two):
    text = in_terminal(compared(*two)[1])
    assert "low finds the right person first for 75.0 % of probes." in text
    assert "high has 50.0 points less rank-1 than low (95 %: −65.0 to −35.0; p < 0.001): more than chance." in text


def test_a_small_difference_may_be_chance(tmp_path):
    folders = run_folder(tmp_path / "a", simpgan(GOOD)), run_folder(tmp_path / "b", simpgan([1, *GOOD[:-1]]))
    text = in_terminal(compared(*folders)[1])
    assert "a has 2.5 points less rank-1 than b (95 %:" in text
    assert "p = 1): within chance." in text


def test_no_difference_is_said_in_a_sentence(tmp_path):
    folders = run_folder(tmp_path / "a", simpgan(GOOD)), run_folder(tmp_path / "b", simpgan(GOOD))
    assert "has the same rank-1 as" in in_terminal(compared(*folders)[1])


def test_settings_that_differ_are_named_with_who_has_which(two):
    runs, _ = compared(*two)
    assert differing(runs) == [
        ("pretrain.seed, train_gan.seed", "0 in low; 1 in high"),
        ("train_gan.lambda_similarity", "0.1 in low; 5.0 in high"),
    ]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"protocol": "folds10"}, "the protocol is folds10, not all250"),
        ({"target": "market1501"}, "the target is market1501, not grid"),
        ({"fold": 3}, "folds 3 were measured, not folds 0"),
        ({"gallery": 7}, "the number of probes or of gallery images differs"),
    ],
)
def test_runs_that_were_asked_something_else_are_apart_and_it_is_said_why(tmp_path, other, why):
    first = [run_folder(tmp_path / name, simpgan(GOOD)) for name in ("a", "b")]
    strange = run_folder(tmp_path / "strange", simpgan(BAD, **other))
    _, groups = compared(*first, strange)
    assert [[each.title for each in group.entrants] for group in groups] == [["a", "b"], ["strange"]]
    assert in_terminal(groups).startswith(f"Not comparable with the first table: strange, since {why}.")
    assert "Only strange was measured on these probes, so there is nothing to compare." in in_terminal(groups)


def test_other_probes_of_the_same_number_are_not_compared(tmp_path):
    renamed = simpgan(GOOD)
    renamed = renamed[0], renamed[1].assign(probe="other " + renamed[1]["probe"])
    _, groups = compared(run_folder(tmp_path / "a", simpgan(GOOD)), run_folder(tmp_path / "b", renamed))
    assert len(groups) == 2
    assert "since the probes differ" in in_terminal(groups)


def test_without_probes_there_is_a_table_and_no_test(tmp_path):
    folders = [run_folder(tmp_path / name, simpgan(ranks), probes=False) for name, ranks in (("a", GOOD), ("b", BAD))]
    _, [group] = compared(*folders)
    assert not group.comparisons
    assert "cannot be tested, since the runs kept no probes.parquet" in in_terminal([group])
    write([group], tmp_path / "out")
    assert not (tmp_path / "out" / "compare.svg").exists()


def test_the_best_of_many_is_said_to_be_partly_luck(tmp_path):
    folders = [run_folder(tmp_path / f"run{place}", simpgan(BAD)) for place in range(9)]
    folders.append(run_folder(tmp_path / "lucky", simpgan([1, *BAD[:-1]])))
    _, [group] = compared(*folders)
    assert group.tests == 45
    text = in_terminal([group])
    assert "0 of 9 others have a lower rank-1 by more than chance." in text
    assert "lucky is the best of 10 on these probes, partly by luck: expect less on other people." in text
    assert "p is corrected for all 45 pairs (Holm)." in text
    named = in_terminal(compared(*folders, baseline="run0")[1])
    assert "p is corrected for 9 comparisons with run0 (Holm)." in named


def test_methods_and_variants_are_lines_of_their_own(tmp_path):
    sweep = [simpgan(GOOD, variant="lambda=1"), simpgan(BAD, variant="lambda=5"), ranked("direct", BAD)]
    folder = run_folder(tmp_path / "sweep", *sweep)
    _, [group] = compared(folder)
    assert [each.title for each in group.entrants] == ["sweep, SimPGAN (lambda=1)", "sweep, SimPGAN (lambda=5)"]
    _, [group] = compared(folder, methods=["direct", "simpgan"])
    assert len(group.entrants) == 3


def test_seeds_are_averaged_and_may_be_more_in_one_run(tmp_path):
    three = [simpgan(ranks, seed=seed) for seed, ranks in enumerate([GOOD, GOOD, BAD])]
    _, [group] = compared(run_folder(tmp_path / "three", *three), run_folder(tmp_path / "one", simpgan(GOOD)))
    assert [round(each.mean("rank-1"), 2) for each in group.entrants] == [75.0, 58.33]
    comparison = group.comparisons["three"]
    assert comparison.difference.mean[0] == pytest.approx(-100 / 6)
    assert comparison.p == pytest.approx(2 / 2**20)  # 20 probes lose a third of a hit each, none gains


def test_the_files_hold_the_same_as_the_terminal(two, tmp_path):
    _, groups = compared(*two)
    write(groups, tmp_path / "out")
    document = json.loads((tmp_path / "out" / "compare.json").read_text())
    [group] = document["groups"]
    assert [each["title"] for each in group["entrants"]] == ["low", "high"]
    assert group["entrants"][1]["against-reference"]["rank-1"][0] == -50
    assert group["entrants"][0]["cmc"]["mean"][:4] == [75, 75, 75, 100]
    with (tmp_path / "out" / "compare.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [(line["run"], line["rank-1"], line["rank-1 low"] < line["rank-1"]) for line in lines] == [
        ("low", "75.000", True),
        ("high", "25.000", True),
    ]
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "low finds the right person first for 75.0\u00a0% of probes." in page
    assert "lambda_similarity" in page
    assert (tmp_path / "out" / "compare.svg").exists()


def test_names_in_the_page_are_only_text(tmp_path):
    folder = run_folder(tmp_path / "<b>", simpgan(GOOD, source="<script>alert(1)"))
    write(compared(folder)[1], tmp_path / "out")
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;b&gt;" in page


def test_runs_of_one_name_are_told_apart(tmp_path):
    folders = [run_folder(tmp_path / parent / "out", simpgan(GOOD)) for parent in ("a", "b")]
    runs, _ = compared(*folders)
    assert [run.name for run in runs] == ["out (1)", "out (2)"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("empty", "empty has no results.json: give the --out of a run that has ended, or the 32 digits"),
        ("nowhere", "nowhere is neither a folder nor the id of a run: give the --out"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path, given, said):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as refusal:
        read_runs([str(tmp_path / given)], "")
    assert said in str(refusal.value)


def test_unknown_method_and_baseline_are_refused(two):
    with pytest.raises(UserError, match="--method gan: no run has evaluated it: they have direct, simpgan"):
        compared(*two, methods=["gan"])
    with pytest.raises(UserError, match="--baseline other is none of the runs: low; high"):
        compared(*two, baseline="other")
