"""Drawing labelled pairs."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.core.data.pairs import PairSampler
from components.core.runtime.errors import UserError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(
    counts=st.lists(st.integers(1, 5), min_size=2, max_size=8).filter(lambda counts: max(counts) > 1),
    share=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 10_000),
)
def test_pairs_show_what_their_label_says(counts: list[int], share: float, seed: int) -> None:
    persons = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)) * 7 - 3, counts))
    first = torch.arange(len(persons))
    second, same = PairSampler(persons).partners(first, share, generator(seed))
    for one, other, q in zip(first.tolist(), second.tolist(), same.tolist(), strict=True):
        assert one != other
        assert (persons[one] == persons[other]) == bool(q)
        single = (persons == persons[one]).sum() == 1
        if share == 0 or single:
            assert q == 0
        elif share == 1:
            assert q == 1


def test_partners_are_uniform() -> None:
    persons = np.array([4, 9, 4, 9, 4, 7])
    first = torch.zeros(60_000, dtype=torch.long)
    second, same = PairSampler(persons).partners(first, 0.5, generator())
    assert same.mean().item() == pytest.approx(0.5, abs=0.01)
    counts = np.bincount(second, minlength=6) / 60_000
    # Half are positive, images 2 and 4; half are negative, images 1, 3 and 5.
    np.testing.assert_allclose(counts, [0, 1 / 6, 1 / 4, 1 / 6, 1 / 4, 1 / 6], atol=0.01)


def test_labels_are_the_rank_of_the_person() -> None:
    sampler = PairSampler(np.array([30, 10, 10, 20, 30]))
    assert sampler.identities == 3
    assert sampler.labels.tolist() == [2, 0, 0, 1, 2]


def test_an_epoch_has_every_image_once() -> None:
    order = PairSampler(np.array([1, 1, 2, 2])).epoch(generator())
    assert sorted(order.tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("persons", "complaint"), [([3, 3, 3], "1 identity"), ([1, 2, 3], "no positive pair"), ([], "0 identit")]
)
def test_a_source_without_pairs_is_refused(persons: list[int], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        PairSampler(np.array(persons, dtype=int))
