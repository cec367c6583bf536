"""What methods are called, and what they are compared with."""

import pytest

from simpgan.components.core.results.methods import (
    METHODS,
    PARTS,
    baseline_of,
    baselines_of,
    explanations,
    most_prominent,
    name_of,
    parsed,
    place,
    statistics_of,
    title_of,
    with_part,
    without_statistics,
)


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("umdl", "UMDL"),
        ("direct", "direct transfer"),
        ("simpgan+adabn", "SimPGAN + AdaBN"),
        ("simpgan+adabn+fused", "SimPGAN + AdaBN + fused"),
        ("camera-adabn+fused", "AdaBN per camera + fused"),
        ("direct+verification", "direct transfer + verification score"),
        ("simpgan+self-training", "SimPGAN + self-training"),
        ("self-training+camera-adabn", "self-training + AdaBN per camera"),
        ("something", "something"),
    ],
)
def test_names_for_people(method, name):
    assert name_of(method) == name


def test_a_variant_stands_behind_the_name():
    assert name_of("simpgan", "lambda_similarity=0.1") == "SimPGAN (lambda_similarity=0.1)"


def test_only_our_own_words_get_a_capital_at_the_start():
    assert title_of("direct+adabn") == "Direct transfer + AdaBN"
    assert title_of("matched-image") == "Channels matched per image"
    assert title_of("theirs") == "theirs"


def test_methods_are_listed_from_the_baselines_to_simpgan():
    listed = ["umdl", "direct", "adabn", "camera-adabn", "camera-adabn+fused", "matched-set", "matched-image", "gan",
              "gan+adabn", "cyclegan", "simpgan", "simpgan+adabn", "simpgan+adabn+fused", "simpgan+camera-adabn",
              "simpgan-fit", "source-to-target", "self-training", "self-training+adabn",
              "simpgan+self-training", "simpgan+self-training+camera-adabn+fused", "other"]  # fmt: skip
    assert sorted(set(listed), key=place) == listed


@pytest.mark.parametrize(
    ("method", "baseline"),
    [
        ("simpgan", "direct"),
        ("matched-set", "direct"),
        ("source-to-target", "direct"),
        ("adabn", "direct"),
        ("cyclegan+adabn", "adabn"),
        ("camera-adabn", "adabn"),
        ("camera-adabn+fused", "camera-adabn"),
        ("camera-adabn+verification", "camera-adabn"),
        ("simpgan+camera-adabn", "camera-adabn"),
        ("simpgan+camera-adabn+fused", "camera-adabn"),
        ("simpgan+fused", "adabn"),
        ("simpgan+adabn+fused", "adabn"),
        ("simpgan+adabn+verification", "simpgan+adabn"),
        ("direct+verification", "direct"),
        ("camera-adabn+whitened", "camera-adabn"),
        ("camera-adabn+joined+whitened", "camera-adabn+joined"),
        ("simpgan+camera-adabn+whitened+reranked", "simpgan+camera-adabn+whitened"),
        ("adabn+reranked", "adabn"),
        ("simpgan+adabn+fused+reranked", "simpgan+adabn+fused"),
        ("camera-adabn+joined+reranked", "camera-adabn+joined"),
        ("simpgan+self-training+reranked", "simpgan+self-training"),
        ("direct+joined", "direct"),
        ("camera-adabn+joined", "camera-adabn"),
        ("camera-adabn+joined+fused", "camera-adabn+joined"),
        ("self-training", "camera-adabn"),
        ("self-training+adabn", "adabn"),
        ("simpgan+self-training", "camera-adabn"),
        ("simpgan+self-training+camera-adabn", "camera-adabn"),
        ("direct", ""),
        ("umdl", ""),
    ],
)
def test_a_translation_has_to_earn_its_place(method, baseline):
    assert baseline_of(method) == baseline


def test_direct_transfer_with_other_statistics_is_called_by_these():
    assert [with_part("direct", part) for part in ("", "adabn", "camera-adabn", "verification")] == [
        "direct",
        "adabn",
        "camera-adabn",
        "direct+verification",
    ]
    assert with_part(with_part("simpgan", "adabn"), "fused") == "simpgan+adabn+fused"
    methods = ["direct", "adabn", "simpgan+camera-adabn", "gan+adabn+fused"]
    assert list(map(statistics_of, methods)) == ["", "adabn", "camera-adabn", "adabn"]
    assert list(map(without_statistics, methods)) == ["direct", "direct", "simpgan", "gan+fused"]


def test_a_method_whose_name_has_a_plus_is_one_method():
    assert parsed("simpgan+self-training+adabn+fused") == ("simpgan+self-training", ["adabn", "fused"])
    assert parsed("simpgan+adabn") == ("simpgan", ["adabn"])
    assert without_statistics("simpgan+self-training+adabn") == "simpgan+self-training"
    assert without_statistics("camera-adabn+whitened") == "direct"
    assert without_statistics("camera-adabn+joined+whitened") == "direct+joined"
    assert [title for title, _ in explanations(["simpgan+self-training+adabn"])] == [
        "AdaBN",
        "SimPGAN + self-training",
    ]
    assert most_prominent(["simpgan", "self-training", "direct"]) == "self-training"


def test_every_word_is_explained_once():
    assert [title for title, _ in explanations(["simpgan+adabn", "direct", "simpgan"])] == [
        "Direct transfer",
        "AdaBN",
        "SimPGAN",
    ]
    assert all(entry.explanation.endswith(".") for entry in (*METHODS.values(), *PARTS.values()))


def test_results_are_about_the_most_prominent_method_that_was_evaluated():
    assert most_prominent(["direct", "gan+fused", "gan", "gan+adabn", "adabn"]) == "gan"
    assert most_prominent(["simpgan-fit", "simpgan", "direct"]) == "simpgan"
    assert most_prominent(["direct+verification"]) == "direct+verification"


@pytest.mark.parametrize(
    ("method", "tested_against"),
    [
        ("direct", []),
        ("adabn", ["direct"]),
        ("camera-adabn", ["adabn", "direct"]),
        ("umdl", ["direct"]),
        ("simpgan+adabn", ["adabn"]),
        ("self-training", ["camera-adabn", "direct"]),
    ],
)
def test_a_method_without_parts_is_tested_against_direct_transfer_too(method: str, tested_against: list[str]):
    assert baselines_of(method) == tested_against
