"""The gate between a candidate and the champion, on cases worked out by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpgan.components.core.registry.description import Description
from simpgan.components.core.registry.gate import GateSettings, MeasuredAdaptation, judge
from simpgan.components.core.results.probes import write_probes
from simpgan.components.core.results.rows import write_results
from simpgan.components.core.results.unlabelled_checks import Checks, Measures, Sample, write_checks
from tests.components.core.results.made_up import ranked, together

SETTINGS = GateSettings()
CHECKS = {"score": 1.0, "frechet": 0.8, "cycle_target": 0.1, "neighbours": 0.8, "entropy": 2.0}


def searched(first_ranks: list[int], method: str = "adabn", **other: object) -> MeasuredAdaptation:
    """A method whose correct images stand at those ranks."""
    row, probes = ranked(method, first_ranks, **other)
    return MeasuredAdaptation(method, row=row, probes=probes)


def checked(**changed: float) -> MeasuredAdaptation:
    return MeasuredAdaptation("simpgan", checks={**CHECKS, **changed}, compared="the same")


def test_as_good_on_every_probe_passes() -> None:
    verdict = judge(searched([1, 1, 2, 4]), searched([1, 1, 3, 9]), SETTINGS)
    assert verdict.passed
    assert verdict.reasons == ["rank-1 50.0 against 50.0 of the champion, +0.0 points over 4 probes (p = 1): not worse"]


def test_six_probes_lost_and_none_won_is_more_than_chance() -> None:
    """Of 2^6 signs two are as extreme: p = 2 / 64 = 0.031."""
    verdict = judge(searched([2] * 6 + [1] * 4), searched([1] * 10), SETTINGS)
    assert not verdict.passed
    assert (
        "rank-1 40.0 against 100.0 of the champion, −60.0 points over 10 probes (p = 0.031): worse" in verdict.in_words
    )


def test_five_probes_lost_and_none_won_may_be_chance() -> None:
    """p = 2 / 32 = 0.0625, above the level; a stricter gate refuses it."""
    candidate, champion = searched([2] * 5 + [1] * 5), searched([1] * 10)
    verdict = judge(candidate, champion, SETTINGS)
    assert verdict.passed
    assert verdict.reasons[0].endswith("(p = 0.062): lower, but within chance")
    assert not judge(candidate, champion, GateSettings(level=0.07)).passed


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(1, 2), st.integers(1, 2)), min_size=1, max_size=9))
def test_who_is_refused_would_have_been_let_through_the_other_way_round(ranks: list[tuple[int, int]]) -> None:
    first, second = (searched([pair[place] for pair in ranks]) for place in (0, 1))
    assert judge(first, second, SETTINGS).passed or judge(second, first, SETTINGS).passed


def test_probes_that_were_left_out_do_not_count() -> None:
    verdict = judge(searched([0, 1, 2]), searched([0, 1, 1]), SETTINGS)
    assert "over 2 probes" in verdict.in_words
    nobody = replace(searched([1, 1]), probes=searched([1, 1]).probes.assign(first_rank=0))
    assert not judge(nobody, nobody, SETTINGS).passed


@pytest.mark.parametrize("other", [{"target": "station"}, {"protocol": "folds10"}, {"gallery": 12}])
def test_other_images_cannot_be_compared(other: dict[str, object]) -> None:
    verdict = judge(searched([1, 1]), searched([1, 1], **other), SETTINGS)
    assert not verdict.passed
    assert "the champion was not measured on the images that the candidate was measured on" in verdict.in_words


def test_other_probes_cannot_be_compared() -> None:
    assert not judge(searched([1, 1]), searched([1, 1, 1]), SETTINGS).passed


def test_the_first_candidate_is_held_against_direct_transfer() -> None:
    row, probes = ranked("direct", [1] * 10)
    worse = replace(searched([2] * 10), direct_row=row, direct=probes)
    verdict = judge(worse, None, SETTINGS)
    assert not verdict.passed
    assert "of direct transfer, as there is no champion" in verdict.in_words
    assert judge(replace(searched([1] * 10), direct_row=row, direct=probes), None, SETTINGS).passed
    assert judge(checked(), None, SETTINGS).reasons == ["it was evaluated, and there is no champion to be worse than"]


@pytest.mark.parametrize("champion", [None, searched([1, 1]), checked()])
def test_what_was_never_evaluated_is_refused(champion: MeasuredAdaptation | None) -> None:
    verdict = judge(MeasuredAdaptation("simpgan+adabn"), champion, SETTINGS)
    assert verdict.in_words == (
        "refused: SimPGAN + AdaBN was never evaluated on this target: evaluate it, then propose again"
    )


@pytest.mark.parametrize(
    ("changed", "passed"),
    [
        ({}, True),
        ({"score": 1.2}, True),
        ({"score": 1.21}, False),
        ({"frechet": 0.97}, False),
        ({"cycle_target": 0.121}, False),
        ({"neighbours": 0.65}, True),
        ({"neighbours": 0.63}, False),
        ({"entropy": 1.59}, False),
        ({"score": 0.1, "frechet": 0.1, "cycle_target": 0.0, "neighbours": 1.0, "entropy": 5.0}, True),
    ],
)
def test_without_labels_every_check_has_to_be_within_a_fifth_of_the_champions(
    changed: dict[str, float], passed: bool
) -> None:
    verdict = judge(checked(**changed), checked(), SETTINGS)
    assert verdict.passed == passed
    assert len(verdict.reasons) == len(CHECKS)
    assert ("out of bounds" in verdict.in_words) != passed


def test_checks_of_another_target_or_classifier_say_nothing() -> None:
    assert not judge(checked(), replace(checked(), compared="another"), SETTINGS).passed
    assert not judge(
        checked(), MeasuredAdaptation("adabn", checks={"other": 1.0}, compared="the same"), SETTINGS
    ).passed


def described(method: str, **changed: object) -> Description:
    said = {"method": method, "source": "market1501", "target": "grid", "protocol": "all250", "fold": 0, "seed": 0}
    return Description(**{**said, "variant": "", "order_seed": 0, "batch": 64, "digests": {}, "files": {}, **changed})


def test_an_evaluation_is_read_for_one_training_in_one_split(tmp_path: Path) -> None:
    rows, probes = together(
        ranked("direct", [2, 2, 1]),
        ranked("simpgan+adabn", [1, 2, 3], variant="lambda_similarity=0.1"),
        ranked("simpgan+adabn", [1, 1, 3], seed=4),
    )
    write_results(rows, tmp_path / "results.json")
    write_probes(probes, tmp_path / "probes.parquet")
    sample = Sample(protocol="all250", fold=0, seed=0, source=8, target=8)
    measures = Measures(score=1.5, frechet=0.9, neighbours=0.6, entropy=1.0)
    checks = Checks(target="t", classifier="c", sample=sample, methods={"simpgan+adabn": measures})
    write_checks(checks, tmp_path / "checks.json")
    found = MeasuredAdaptation.read(tmp_path, described("simpgan+adabn", seed=4))
    assert found.row == rows[2]
    assert found.probes["first_rank"].tolist() == [1, 1, 3]
    assert found.direct["first_rank"].tolist() == [2, 2, 1]
    assert found.checks == {"score": 1.5, "frechet": 0.9, "neighbours": 0.6, "entropy": 1.0}
    assert MeasuredAdaptation.read(tmp_path, described("adabn")).checks == {}
    whitened = MeasuredAdaptation.read(tmp_path, described("simpgan+adabn+whitened", seed=4))
    assert (whitened.row, whitened.checks) == (None, found.checks), "checks look at features before they are whitened"
    swept = MeasuredAdaptation.read(tmp_path, described("simpgan+adabn", variant="lambda_similarity=0.1"))
    assert swept.probes["first_rank"].tolist() == [1, 2, 3]
    assert not MeasuredAdaptation.read(tmp_path, described("simpgan")).evaluated
    assert MeasuredAdaptation.read(tmp_path, described("simpgan+adabn", seed=9)).row is None
    assert MeasuredAdaptation.read(tmp_path, described("simpgan+adabn", seed=9), exactly=False).row == rows[1]
    assert not MeasuredAdaptation.read(tmp_path / "none", described("adabn")).evaluated


def test_direct_transfer_is_that_of_the_same_split_and_seed(tmp_path: Path) -> None:
    rows, probes = together(
        ranked("direct", [1, 1, 1], seed=3),
        ranked("direct", [1, 1, 1], seed=4, fold=1),
        ranked("direct", [2, 2, 1], seed=4),
        ranked("simpgan", [1, 1, 3], seed=4),
        ranked("simpgan", [1, 1, 3], seed=5),
    )
    write_results(rows, tmp_path / "results.json")
    write_probes(probes, tmp_path / "probes.parquet")
    found = MeasuredAdaptation.read(tmp_path, described("simpgan", seed=4))
    assert found.direct_row == rows[2]
    assert found.direct["first_rank"].tolist() == [2, 2, 1]
    assert MeasuredAdaptation.read(tmp_path, described("simpgan", seed=5)).direct_row is None
    write_results([rows[0], rows[4]], tmp_path / "results.json")
    assert MeasuredAdaptation.read(tmp_path, described("simpgan", seed=5)).direct_row == rows[0]
