"""Which rows stand on the first page."""

from simpgan.components.core.results.layout import MAIN_ROWS, ablations, main_rows
from simpgan.components.core.results.summary import summarise
from tests.components.core.results.made_up import row


def summaries(*methods):
    return summarise([row(method) for method in methods])


def methods_of(summaries):
    return [each.method for each in summaries]


def groups_of(summaries):
    return {group.title: methods_of(group.summaries) for group in ablations(summaries)}


def test_baselines_and_trained_methods_without_and_with_adabn_are_main_rows():
    measured = summaries(
        "umdl", "direct", "direct+verification", "adabn", "matched-set", "matched-set+adabn", "simpgan",
        "simpgan+adabn", "simpgan+adabn+fused", "simpgan+fused", "simpgan+verification", "simpgan+fused+reranked",
        "simpgan+camera-adabn+whitened",
    )  # fmt: skip
    assert methods_of(main_rows(measured)) == ["umdl", "direct", "adabn", "simpgan", "simpgan+adabn"]
    assert groups_of(measured) == {
        "Matched colours": ["matched-set", "matched-set+adabn"],
        "Fused features": ["simpgan+adabn+fused", "simpgan+fused"],
        "Whitened features": ["simpgan+camera-adabn+whitened"],
        "Verification score": ["direct+verification", "simpgan+verification"],
        "Re-ranking": ["simpgan+fused+reranked"],
    }


def test_methods_with_adabn_per_camera_follow_those_with_adabn():
    measured = summaries(
        "direct", "adabn", "camera-adabn", "camera-adabn+fused", "camera-adabn+whitened", "gan", "gan+camera-adabn"
    )
    assert methods_of(main_rows(measured)) == methods_of(measured)
    trained = ("umdl", "gan", "cyclegan", "simpgan", "source-to-target")
    parts = (f"{method}+{part}" for method in trained[1:] for part in ("adabn", "camera-adabn"))
    assert groups_of(summaries("direct", "adabn", "camera-adabn", *trained, *parts)) == {
        "Further rows": [f"{method}+camera-adabn" for method in ("gan", "cyclegan", "simpgan", "source-to-target")]
    }


def test_joined_features_with_adabn_per_camera_are_a_main_row():
    others = [row(method, variant="with b") for method in ("camera-adabn+joined", "direct+joined", "adabn+joined")]
    measured = summarise([row("direct"), row("camera-adabn"), *others])
    assert methods_of(main_rows(measured)) == ["direct", "camera-adabn", "camera-adabn+joined"]
    assert groups_of(measured) == {"Joined features": ["direct+joined", "adabn+joined"]}


def test_a_page_has_no_room_for_the_least_important_of_many_rows():
    trained = ("umdl", "gan", "cyclegan", "simpgan", "simpgan-fit", "source-to-target")
    measured = summaries("direct", "adabn", *trained, *(f"{method}+adabn" for method in trained[1:]))
    assert len(main_rows(measured)) == MAIN_ROWS == len(measured) - 1
    assert groups_of(measured) == {"Further rows": ["source-to-target+adabn"]}


def test_every_row_stands_in_exactly_one_table():
    measured = summarise(
        [row(f"{base}{part}", variant=variant) for base in ("direct", "matched-image", "gan", "simpgan", "other")
         for part in ("", "+adabn", "+fused", "+verification") for variant in ("", "rate=1", "rate=2")]
    )  # fmt: skip
    shown = [*main_rows(measured), *(each for group in ablations(measured) for each in group.summaries)]
    assert sorted((each.method, each.variant) for each in shown) == sorted(
        (each.method, each.variant) for each in measured
    )


def test_a_sweep_is_an_ablation_beside_the_plain_method():
    measured = summarise([row("direct"), row("simpgan"), row("simpgan", variant="rate=1")])
    assert [(each.method, each.variant) for each in main_rows(measured)] == [("direct", ""), ("simpgan", "")]
    assert groups_of(measured) == {"Swept settings": ["simpgan"]}


def test_a_sweep_without_the_plain_method_is_shown():
    measured = summarise([row("direct"), *(row("simpgan", variant=f"rate={rate}") for rate in (1, 2))])
    assert [each.variant for each in main_rows(measured)] == ["", "rate=1", "rate=2"]
