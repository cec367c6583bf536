"""Sharing a batch; the processes themselves are tested where they train (train_gan)."""

import pytest
import torch
from torch import nn

from simpgan.components.core.errors import UserError
from simpgan.components.core.training import distributed
from simpgan.components.train_gan.batches import joint_pairs, own_pairs


def test_one_process_has_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with distributed.process_group():
        assert (distributed.process_rank(), distributed.process_count(), distributed.is_first()) == (0, 1, True)
        assert distributed.own_share(5) == slice(0, 5)
        assert distributed.from_first(7) == 7
        values = torch.arange(6.0)
        assert torch.equal(distributed.mean_over_processes(values), values)
        assert torch.equal(joint_pairs(own_pairs(values)), values)
        layer = nn.Linear(1, 1)
        assert distributed.parallel(layer) is layer


@pytest.mark.parametrize("rank", [0, 1])
def test_shares_make_up_the_batch(monkeypatch: pytest.MonkeyPatch, rank: int) -> None:
    monkeypatch.setattr(distributed, "process_count", lambda: 2)
    monkeypatch.setattr(distributed, "process_rank", lambda: rank)
    assert list(range(6))[distributed.own_share(6)] == [[0, 1, 2], [3, 4, 5]][rank]
    # Pairs (0, 4), (1, 5), (2, 6), (3, 7), as first ones, then second ones.
    assert own_pairs(torch.arange(8)).tolist() == [[0, 1, 4, 5], [2, 3, 6, 7]][rank]


@pytest.mark.parametrize("size", [1, 3])
def test_a_batch_that_cannot_be_divided_is_refused(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(distributed, "process_count", lambda: 2)
    with pytest.raises(UserError, match=rf"a batch of {size} cannot be shared by 2 processes: choose a multiple of 2"):
        distributed.own_share(size)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("WORLD_SIZE", "two", "WORLD_SIZE=two: give a whole number from 1, or unset it"),
        ("WORLD_SIZE", "0", "WORLD_SIZE=0: give a whole number from 1, or unset it"),
        ("RANK", "-1", "RANK=-1: give a whole number from 0 to 1, or unset it"),
        ("RANK", "2", "RANK=2: give a whole number from 0 to 1, or unset it"),
        ("RANK", "", "WORLD_SIZE=2, but RANK is not set: start it by torchrun, or unset WORLD_SIZE"),
        ("MASTER_ADDR", "", "WORLD_SIZE=2, but MASTER_ADDR is not set: start it by torchrun, or unset WORLD_SIZE"),
        ("MASTER_PORT", "port", "MASTER_PORT=port: give a whole number from 1 to 65535, or unset it"),
        ("MASTER_PORT", "65536", "MASTER_PORT=65536: give a whole number from 1 to 65535, or unset it"),
    ],
)
def test_what_torchrun_would_not_set_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    started = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
    for name, given in {**started, variable: value}.items():
        monkeypatch.setenv(name, given)
    with pytest.raises(UserError, match=f"^{message}$"), distributed.process_group():
        pass
