"""The choice that is made without labels, in words."""

from simpgan.pipelines.reports.selection import choices
from tests.components.core.results.made_up import row


def test_the_lowest_score_is_chosen_in_each_split_and_what_it_costs_is_said():
    rows = [
        row("simpgan", 18.0, score=0.5, variant="lambda_similarity=0.1"),
        row("simpgan", 21.0, score=0.7, variant="lambda_similarity=1"),
        row("simpgan+adabn", 30.0, score=0.1),
        row("simpgan", 11.0, fold=1, score=0.6, variant="lambda_similarity=0.1"),
        row("cyclegan", 12.0, fold=1, score=0.4),
        row("direct", 25.0),
    ]
    assert choices(rows) == [
        "market1501, folds10, fold 0, seed 0: without labels one would choose SimPGAN (lambda_similarity=0.1), whose "
        "score of 0.5 is the lowest; it has 18.0 % rank-1, the best of 2 has 21.0 %.",
        "market1501, folds10, fold 1, seed 0: without labels one would choose CycleGAN, whose score of 0.4 is the "
        "lowest; it has 12.0 % rank-1, the best of 2 has 12.0 %.",
    ]


def test_one_translation_leaves_nothing_to_choose():
    assert choices([row("simpgan", score=0.5), row("direct")]) == []
