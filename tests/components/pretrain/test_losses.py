"""The batch-hard triplet loss, and a training in two processes."""

import json
import os
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import multiprocessing

from simpgan.components.core.data.pairs import PairSampler
from simpgan.components.core.training.distributed import process_group, process_rank
from simpgan.components.pretrain.losses import batch_hard_triplet
from simpgan.components.pretrain.settings import PretrainSettings
from simpgan.components.pretrain.stage import build_classifier
from simpgan.components.pretrain.trainer import PretrainTrainer


def test_hardest_triplets_by_hand() -> None:
    """Identities at 0, 1 and at 3, 7: the farthest positives are 1, 1, 4, 4 away, the nearest negatives 3, 2, 2, 6."""
    features, identity = torch.tensor([[0.0], [1.0], [3.0], [7.0]]), torch.tensor([0, 0, 1, 1])
    assert batch_hard_triplet(features, identity, 0.3).item() == pytest.approx((0 + 0 + 2.3 + 0) / 4)
    assert batch_hard_triplet(features, identity, 2.5).item() == pytest.approx((0.5 + 1.5 + 4.5 + 0.5) / 4)


@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(2, 4))
def test_no_triplet_of_the_batch_is_harder(seed: int, identities: int, images: int) -> None:
    features = torch.randn(identities * images, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    identity = torch.arange(identities).repeat_interleave(images)
    distance = (features[:, None] - features[None, :]).norm(dim=2)
    same = identity[:, None] == identity[None, :]
    hardness = 1 + distance[:, :, None] - distance[:, None, :]  # anchor, positive, negative
    hardness[~(same[:, :, None] & ~same[:, None, :])] = 0
    expected = hardness.flatten(1).amax(1).clamp(min=0).mean()
    torch.testing.assert_close(batch_hard_triplet(features, identity, 1), expected)


def test_equal_features_have_finite_gradients() -> None:
    features = torch.ones(4, 3, requires_grad=True)
    batch_hard_triplet(features, torch.tensor([0, 0, 1, 1]), 0.3).backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


JOINT = {
    "backbone": "resnet18",
    "weights": "none",
    "height": 32,
    "width": 32,
    "pairs": 4,
    "epochs": 1,
    "crop_padding": 2,
    "precision": "fp32",
    "bn_neck": True,
    "dropout": 0.5,
    "images_per_identity": 2,
    "triplet_weight": 1,
    "jitter": 0.2,
    "identity_epochs": 1,
    "identity_batch": 6,
    "verification_rate": 1e-3,
}


def train_a_little(settings: PretrainSettings) -> dict[str, list[float]]:
    """Losses of two steps of each stage, and some weights after them, with sums in the order of a single thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    images = torch.randint(0, 256, (12, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    sampler = PairSampler(np.repeat(np.arange(6), 2))
    trainer = PretrainTrainer(build_classifier(settings, sampler.identities), images, sampler, settings)
    # On the CPU no batch normalisation looks across processes, so the backbone's is held fixed.
    trainer.classifier.backbone.eval()
    steps = [trainer.step(step) for step in (0, 1, trainer.identity_steps, trainer.identity_steps + 1)]
    result = {name: [step[name].item() for step in steps] for name in ("loss/all", "loss/identification")}
    for name, parameter in trainer.classifier.named_parameters():
        if name in ("backbone.conv1.weight", "neck.weight", "identity_head.weight", "verification_head.weight"):
            result[name] = parameter.detach().flatten()[:200].tolist()
    torch.set_num_threads(threads)
    return result


def one_of_two(rank: int, port: int, folder: Path) -> None:
    """What each of two processes does."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with process_group():
        assert process_rank() == rank
        result = train_a_little(PretrainSettings.parse(JOINT))
    (folder / f"{rank}.json").write_text(json.dumps(result))


@pytest.mark.local
def test_two_processes_train_as_one_with_the_joint_batch(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(one_of_two, (port, tmp_path), nprocs=2)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    alone = train_a_little(PretrainSettings.parse(JOINT))
    for name, values in alone.items():
        assert first[name] == pytest.approx(values, rel=1e-3, abs=1e-5), name
