"""The figures of others, and the paper's order."""

import pytest

from simpgan.components.core.results.paper import TABLE_1, differences, order_in_words, paper_figures, published_figures
from simpgan.components.core.results.summary import Experiment, summarise
from tests.components.core.results.made_up import row


def figures(**other):
    [summary] = summarise([row(**{"method": "simpgan", "protocol": "all250", **other})])
    return paper_figures(summary)


def test_the_paper_stands_beside_its_own_protocol_only():
    assert figures() == {"rank-1": 18.0, "rank-5": 34.4, "rank-10": 43.2}
    assert figures(source="cuhk01", method="umdl") == {"rank-1": 3.58, "rank-5": 7.56, "rank-10": 9.5}
    assert figures(protocol="folds10") == {}


def test_the_paper_has_no_figures_for_other_methods_variants_and_data_sets():
    assert figures(method="simpgan+adabn") == figures(variant="rate=1") == figures(source="duke") == {}


def test_differences_are_points_above_the_paper():
    [summary] = summarise([row("gan", 6.0, protocol="all250", rank_5=10.8, rank_10=15.0)])
    assert differences(summary) == pytest.approx({"rank-1": 1.6, "rank-5": 0.0, "rank-10": -0.2})


def test_direct_gan_and_simpgan_of_table_1_are_multiples_of_one_in_250():
    rates = [
        rate for table in TABLE_1.values() for method, rates in table.items() if method != "umdl" for rate in rates
    ]
    assert len(rates) == 18
    assert all(250 * rate / 100 == pytest.approx(round(250 * rate / 100)) for rate in rates)


def test_later_figures_stand_beside_ten_folds_of_market_to_grid():
    names = [each.name for each in published_figures(Experiment("market1501", "grid", "modern", "folds10"))]
    assert names == ["OSNet, direct", "MixStyle", "EFDMix", "EFDMix + PBN"]
    assert not published_figures(Experiment("market1501", "grid", "modern", "all250"))
    assert not published_figures(Experiment("cuhk01", "grid", "modern", "folds10"))


@pytest.mark.parametrize(
    ("gan", "simpgan", "verdict"), [(4.0, 18.0, "holds"), (4.0, 8.0, "does not hold"), (10.0, 18.0, "does not hold")]
)
def test_the_order_in_words(gan, simpgan, verdict):
    rows = [row("direct", 10.0), row("gan", gan), row("simpgan", simpgan)]
    assert order_in_words(summarise(rows)) == [
        f"The paper's order, GAN below and SimPGAN above direct transfer, {verdict}: GAN {gan} %, direct transfer "
        f"10.0 %, SimPGAN {simpgan} % rank-1"
    ]


def test_nothing_is_said_of_an_order_that_was_not_measured():
    assert order_in_words(summarise([row("direct"), row("simpgan")])) == []
    assert order_in_words([]) == []
