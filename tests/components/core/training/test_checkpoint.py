"""Checkpoints keep everything, exactly."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from simpgan.components.core.errors import UserError
from simpgan.components.core.training.checkpoint import Checkpoint, checkpoint_key
from tests.components.core.object_store import ObjectStore


def test_what_comes_back_is_what_was_saved(tmp_path: Path) -> None:
    state = {
        "weights": {"layer": torch.randn(3, 4), "steps": torch.tensor(7)},
        "pool": [torch.rand(2, 2), torch.rand(2, 2)],
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "betas": [0.5, 0.999], "fused": None},
        "half": torch.randn(5).bfloat16(),
        "name": "simpgan",
    }
    Checkpoint(str(tmp_path), "key").save(state)
    back = Checkpoint(str(tmp_path), "key").load()
    assert back is not None
    assert torch.equal(back["weights"]["layer"], state["weights"]["layer"])
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(back["pool"], state["pool"], strict=True))
    assert back["optimizer"]["state"][0]["step"].shape == ()
    assert back["optimizer"]["betas"] == [0.5, 0.999]
    assert back["half"].dtype == torch.bfloat16
    assert torch.equal(back["half"], state["half"])
    assert back["name"] == "simpgan"


def test_tensors_that_share_memory_are_kept(tmp_path: Path) -> None:
    weight = torch.randn(2, 3)
    Checkpoint(str(tmp_path), "key").save({"one": weight, "view": weight.t(), "row": weight[0]})
    back = Checkpoint(str(tmp_path), "key").load()
    assert torch.equal(back["view"], weight.t())
    assert torch.equal(back["row"], weight[0])


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD])
def test_an_optimiser_goes_on_where_it_was(tmp_path: Path, kind: type[torch.optim.Optimizer]) -> None:
    def trained(steps: int, layer: nn.Linear, optimizer: torch.optim.Optimizer) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            layer(torch.ones(1, 3)).square().sum().backward()
            optimizer.step()

    def fresh() -> tuple[nn.Linear, torch.optim.Optimizer]:
        torch.manual_seed(0)
        layer = nn.Linear(3, 2)
        options = {"momentum": 0.9} if kind is torch.optim.SGD else {}
        return layer, kind(layer.parameters(), lr=0.1, **options)

    layer, optimizer = fresh()
    trained(2, layer, optimizer)
    Checkpoint(str(tmp_path), "key").save({"layer": layer.state_dict(), "optimizer": optimizer.state_dict()})
    trained(2, layer, optimizer)

    resumed, resumed_optimizer = fresh()
    state = Checkpoint(str(tmp_path), "key").load()
    resumed.load_state_dict(state["layer"])
    resumed_optimizer.load_state_dict(state["optimizer"])
    trained(2, resumed, resumed_optimizer)
    assert torch.equal(resumed.weight, layer.weight)


def test_in_an_object_store_the_history_goes_along(
    object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine goes on with the weights and with the metrics."""
    data_root = f"{object_store.location}/data"
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "one machine"))
    first = Checkpoint(data_root, "key")
    first.history.write_text('{"step": 0}\n')
    first.save({"steps": 1, "weight": torch.ones(2)})
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "another"))
    second = Checkpoint(data_root, "key")
    state = second.load()
    assert state is not None
    assert (state["steps"], state["weight"].tolist()) == (1, [1, 1])
    assert second.history.read_text() == '{"step": 0}\n'


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert Checkpoint(str(tmp_path), "key").load() is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path, bad: float) -> None:
    """Their loss may still have been one: the gradient was not."""
    checkpoint = Checkpoint(str(tmp_path), "key")
    checkpoint.save({"weight": torch.ones(2)})
    with pytest.raises(UserError, match="no longer finite numbers; the last good checkpoint is kept"):
        checkpoint.save({"optimizer": [{"average": torch.tensor([1, bad])}]})
    assert checkpoint.load()["weight"].tolist() == [1, 1]


def test_key_changes_with_stage_settings_and_inputs() -> None:
    keys = {
        checkpoint_key("pretrain", {"rate": 0.1}, {"source": "a"}),
        checkpoint_key("train_gan", {"rate": 0.1}, {"source": "a"}),
        checkpoint_key("pretrain", {"rate": 0.2}, {"source": "a"}),
        checkpoint_key("pretrain", {"rate": 0.1}, {"source": "b"}),
    }
    assert len(keys) == 4
    assert checkpoint_key("pretrain", {"a": 1, "b": 2}, {}) == checkpoint_key("pretrain", {"b": 2, "a": 1}, {})


SECOND = """
import sys
from simpgan.components.core.training.checkpoint import Checkpoint
checkpoint = Checkpoint(sys.argv[1], "key")
print("asking", flush=True)
with checkpoint.locked():
    print(checkpoint.load()["steps"])
"""


@pytest.mark.slow
def test_who_trains_the_same_waits_and_finds_it_done(tmp_path: Path) -> None:
    checkpoint = Checkpoint(str(tmp_path), "key")
    with checkpoint.locked():
        second = subprocess.Popen([sys.executable, "-c", SECOND, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert second.stdout is not None
        assert second.stdout.readline() == "asking\n"
        checkpoint.save({"steps": 7})
    assert second.communicate(timeout=60)[0] == "7\n"


def test_other_trainings_wait_for_nothing(tmp_path: Path) -> None:
    with Checkpoint(str(tmp_path), "one").locked(), Checkpoint(str(tmp_path), "two").locked():
        pass
