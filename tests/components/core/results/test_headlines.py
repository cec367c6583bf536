"""What a page says first."""

import pytest

from simpgan.components.core.results.headlines import headlines
from simpgan.components.core.results.probes import no_probes
from simpgan.components.core.results.statistics import Statistics
from tests.components.core.results.made_up import ranked, row, together

WHERE = "Trained on market1501, tested on grid, protocol folds10, fold 0"


def said(rows, probes=None, **other):
    [headline] = headlines(rows, no_probes() if probes is None else probes, **other)
    return headline.sentences


@pytest.mark.parametrize(
    ("ours", "direct", "text"),
    [
        (31.2, 18.1, "31.2 % of 125 probes, 13.1 points more than direct transfer (18.1 %)"),
        (9.0, 18.0, "9.0 % of 125 probes, 9.0 points less than direct transfer (18.0 %)"),
        (18.0, 18.01, "18.0 % of 125 probes, the same as direct transfer"),
    ],
)
def test_a_method_is_compared_with_direct_transfer(ours, direct, text):
    assert said([row("direct", direct), row("simpgan", ours)])[0] == (
        f"SimPGAN finds the right person first for {text}",
        WHERE,
    )


def test_intervals_and_chance_are_named():
    rows, probes = together(ranked("direct", [2] * 40), ranked("simpgan", [1] * 30 + [2] * 10))
    text, detail = said(rows, probes)[0]
    assert text.endswith("of 40 probes, 75.0 points more than direct transfer (0.0 %)")
    assert "95 %: 62.5 to 87.5 for SimPGAN, 0.0 to 0.0 for direct transfer; p < 0.001: more than chance" in detail
    rows, probes = together(ranked("direct", [1, 2, 2]), ranked("simpgan", [1, 1, 2]))
    assert said(rows, probes)[0].detail.endswith("p = 1: within chance")


def test_without_probes_what_is_known_of_the_same_rows_is_named():
    rows, probes = together(ranked("direct", [2] * 40), ranked("simpgan", [1] * 30 + [2] * 10))
    known = Statistics.of(rows, probes, 99)
    assert "p < 0.001" not in said(rows)[0].detail
    assert "for SimPGAN" in said(rows, known=known)[0].detail
    elsewhere = [*rows, row("direct", 0.0, protocol="all250", fold=1)]
    assert "for SimPGAN" in said(elsewhere, known=known)[0].detail


def test_it_is_said_plainly_when_a_row_without_training_is_best():
    rows = [row("direct", 10.0), row("matched-set+adabn+fused", 30.0), row("simpgan", 12.0), row("simpgan+fused", 30.0)]
    assert said(rows)[1].text == (
        "No trained method is above channels matched over the set + AdaBN + fused, which needs no training (30.0 %)"
    )
    assert said([row("direct", 20.0), row("simpgan", 12.0)])[1].text == (
        "No trained method is above direct transfer, which needs no training (20.0 %)"
    )


def test_the_best_of_many_is_said_to_be_partly_luck():
    rows = [row("direct", 10.0), row("adabn", 20.0), row("simpgan", 12.0), row("simpgan+adabn+fused", 30.0)]
    assert [each.text for each in said(rows)[1:]] == [
        "Of 4 rows, SimPGAN + AdaBN + fused has the highest rank-1 (30.0 %), partly by luck: 10.0 points more than "
        "AdaBN (20.0 %)",
        "Without training, AdaBN has the highest rank-1 (20.0 %)",
    ]


def test_the_highest_row_is_tested_against_its_baseline():
    rows, probes = together(
        ranked("direct", [2] * 40), ranked("adabn", [2] * 40), ranked("simpgan", [2] * 40),
        ranked("gan+adabn", [1] * 30 + [2] * 10),
    )  # fmt: skip
    text, detail = said(rows, probes)[1]
    assert text.startswith("Of 4 rows, GAN + AdaBN has the highest rank-1 (75.0 %)")
    assert detail == "95 %: 62.5 to 87.5; p < 0.001: more than chance"


def test_the_highest_row_is_not_named_twice():
    rows = [row("direct", 10.0), row("direct+verification", 5.0), row("adabn", 20.0)]
    assert [sentence.text for sentence in said(rows)] == [
        "AdaBN finds the right person first for 20.0 % of 125 probes, 10.0 points more than direct transfer (10.0 %)"
    ]


def test_experiments_in_which_something_was_trained_come_first():
    untrained = [row("direct", 10.0, protocol="all250"), row("adabn", 20.0, protocol="all250")]
    found = headlines([*untrained, row("direct", 10.0), row("simpgan", 12.0)], no_probes())
    assert [each.experiment.protocol for each in found] == ["folds10", "all250"]


def test_folds_that_only_one_of_them_has_do_not_count():
    rows = [row("direct", rate, fold=fold) for fold, rate in enumerate([10.0, 90.0])] + [row("simpgan", 12.0)]
    rows += [row("cyclegan", 99.0, fold=1)]
    first, *others = said(rows)
    assert "2.0 points more than direct transfer (10.0 %)" in first.text
    assert others == []


def test_a_translation_must_also_earn_its_place_on_top_of_adabn():
    rows = [row("direct", 10.0), row("adabn", 20.0), row("simpgan", 12.0), row("simpgan+adabn", 21.0)]
    assert said(rows)[1].text == (
        "SimPGAN + AdaBN finds the right person first for 21.0 % of 125 probes, 1.0 points more than AdaBN (20.0 %)"
    )


def test_it_must_earn_its_place_on_top_of_the_better_statistics():
    rows = [row("direct", 10.0), row("adabn", 20.0), row("camera-adabn", 24.0), row("simpgan", 12.0)]
    both = [row("simpgan+adabn", 21.0), row("simpgan+camera-adabn", 23.0)]
    assert said([*rows, *both])[1].text == (
        "SimPGAN + AdaBN per camera finds the right person first for 23.0 % of 125 probes, 1.0 points less than AdaBN "
        "per camera (24.0 %)"
    )
    assert "1.0 points more than AdaBN (20.0 %)" in said([*rows, both[0]])[1].text
    assert "No trained method is above AdaBN per camera" in said([*rows, *both])[-1].text


def test_without_direct_transfer_nothing_is_compared():
    assert said([row("simpgan", 10.0)])[0].text == (
        "SimPGAN finds the right person first for 10.0 % of 125 probes; direct transfer was not measured on the same "
        "probes"
    )
    assert (
        said([row("direct", 10.0)])[0].text == "Direct transfer finds the right person first for 10.0 % of 125 probes"
    )


def test_folds_and_seeds_are_named_and_their_probes_counted():
    rows = [row(method, 10.0, fold=fold, seed=seed) for method in ("direct", "simpgan") for fold in range(3)
            for seed in range(2)]  # fmt: skip
    first = said(rows)[0]
    assert "of 375 probes" in first.text
    assert "protocol folds10, mean of 3 folds and 2 seeds" in first.detail
