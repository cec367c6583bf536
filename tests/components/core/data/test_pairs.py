"""Drawing labelled pairs."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.core.data.pairs import PairSampler, pairs_within
from simpgan.components.core.errors import UserError


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


def test_labels_may_follow_the_numbering_of_more_people() -> None:
    persons = np.array([30, 10, 10, 40, 30])
    sampler = PairSampler(persons, np.array([40, 30, 10, 5, 10]))
    assert sampler.identities == 3
    assert sampler.labels.tolist() == [2, 1, 1, 3, 2]
    first = torch.arange(5)
    for share in (0.0, 1.0):
        ours, theirs = (each.partners(first, share, generator()) for each in (sampler, PairSampler(persons)))
        assert torch.equal(ours[0], theirs[0])
    assert sampler.balanced(3, 2, generator()).tolist() == PairSampler(persons).balanced(3, 2, generator()).tolist()


def test_an_epoch_has_every_image_once() -> None:
    order = PairSampler(np.array([1, 1, 2, 2])).epoch(generator())
    assert sorted(order.tolist()) == [0, 1, 2, 3]


@given(
    counts=st.lists(st.integers(1, 6), min_size=3, max_size=8).filter(lambda counts: max(counts) > 1),
    images=st.integers(2, 4),
    seed=st.integers(0, 10_000),
)
def test_balanced_batches_repeat_an_image_only_where_there_are_too_few(
    counts: list[int], images: int, seed: int
) -> None:
    persons = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    batch = PairSampler(persons).balanced(3, images, generator(seed)).view(3, images).numpy()
    shown = persons[batch]
    assert (shown == shown[:, :1]).all()
    assert len(set(shown[:, 0])) == 3
    for person, places in zip(shown[:, 0], batch, strict=True):
        assert len(set(places)) == min(images, counts[person])


def test_balanced_batches_show_every_image_in_time() -> None:
    sampler = PairSampler(np.array([4, 9, 4, 9, 4, 7, 7]))
    seen = torch.cat([sampler.balanced(2, 2, generator(seed)) for seed in range(40)])
    assert set(seen.tolist()) == set(range(7))


@given(
    labels=st.lists(st.integers(0, 3), min_size=4, max_size=12).filter(
        lambda labels: 1 < len(set(labels)) < len(labels)
    ),
    share=st.sampled_from([1 / 2, 1 / 3, 1 / 5]),
    seed=st.integers(0, 10_000),
)
def test_pairs_within_a_batch(labels: list[int], share: float, seed: int) -> None:
    identity = torch.tensor(labels)
    first, second = pairs_within(identity, share, generator(seed))
    same = identity[first] == identity[second]
    expected = [(i, j) for j in range(len(labels)) for i in range(j) if labels[i] == labels[j]]
    assert sorted(zip(first[same].tolist(), second[same].tolist(), strict=True)) == sorted(expected)
    assert same.double().mean().item() == pytest.approx(share)


def test_all_identities_in_a_batch_are_as_many_as_there_are() -> None:
    with pytest.raises(UserError, match="3 identities cannot be drawn from a source with 2"):
        PairSampler(np.array([1, 1, 2, 2])).balanced(3, 2, generator())


@pytest.mark.parametrize(
    ("persons", "complaint"), [([3, 3, 3], "1 identity"), ([1, 2, 3], "no positive pair"), ([], "0 identit")]
)
def test_a_source_without_pairs_is_refused(persons: list[int], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        PairSampler(np.array(persons, dtype=int))
