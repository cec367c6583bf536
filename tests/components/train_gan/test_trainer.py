"""The SimPGAN step against the same step written plainly, and what it must not compute."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from components.core.data.pairs import PairSampler
from components.core.models.classifier import ClassifierConfig, SiameseClassifier
from components.core.runtime.tracking import StageRun, stage_run
from components.train_gan.settings import TrainGanSettings
from components.train_gan.trainer import GanTrainer, rate_factor
from tests.components.train_gan.plain_step import plain_step

SMALL = {"height": 32, "width": 32, "channels": 4, "blocks": 1, "pairs": 2, "precision": "fp32", "steps": 4}


@pytest.fixture
def run(tmp_path: Path):
    with stage_run("train_gan", settings={}, history=tmp_path / "history.jsonl") as tracked:
        yield tracked


def small_trainer(run: StageRun, **changes: object) -> GanTrainer:
    settings = TrainGanSettings.parse(SMALL | changes)
    torch.manual_seed(5)
    classifier = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=3, height=32, width=32))
    nn.init.normal_(classifier.verification_head.weight, std=0.1)
    images = torch.randint(0, 256, (12, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    sampler = PairSampler(np.repeat([0, 1, 2], 4))
    return GanTrainer(images, sampler, 255 - images, classifier, settings, run)


def gradients(networks: list[nn.Module]) -> list[torch.Tensor]:
    return [parameter.grad.clone() for network in networks for parameter in network.parameters()]


@pytest.mark.parametrize("variant", [{}, {"input_skip": True, "upsample": "resize"}])
def test_step_equals_the_plainly_written_one(run: StageRun, variant: dict[str, object]) -> None:
    trainer = small_trainer(run, **variant)
    source, same, target = trainer.draw(torch.Generator().manual_seed(3))
    expected = plain_step(trainer, source, same, target)
    networks = [trainer.g, trainer.f]
    expected_gradients = gradients(networks)
    for network in (trainer.g, trainer.f, trainer.d_source, trainer.d_target):
        network.zero_grad()

    fake_source, fake_target, losses = trainer.generator_losses(source, same, target)
    losses["loss/generators"].backward()
    losses |= trainer.discriminator_losses(fake_source.detach(), fake_target.detach(), source, target)

    assert losses.keys() == expected.keys()
    for name, loss in losses.items():
        torch.testing.assert_close(loss, expected[name], rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(gradients(networks), expected_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("simpgan", {"g": 2, "f": 2, "d_source": 2, "d_target": 2, "classifier": 1}),
        ("simpgan-fit", {"g": 2, "f": 2, "d_source": 2, "d_target": 2, "classifier": 2}),
        ("cyclegan", {"g": 2, "f": 2, "d_source": 2, "d_target": 2}),
        ("gan", {"g": 1, "f": 1, "d_source": 2, "d_target": 2}),
    ],
)
def test_each_network_runs_once_per_concatenated_pair(run: StageRun, method: str, expected: dict[str, int]) -> None:
    """G and F run on recorded and on translated images, a discriminator once in each update."""
    trainer = small_trainer(run, method=method)
    calls: Counter[str] = Counter()
    for name in ("g", "f", "d_source", "d_target", "classifier"):
        getattr(trainer, name).register_forward_hook(lambda *_, name=name: calls.update([name]))
    trainer.step(0)
    assert calls == expected


def test_no_gradient_reaches_weights_that_do_not_learn_from_the_loss(run: StageRun) -> None:
    trainer = small_trainer(run)
    source, same, target = trainer.draw(torch.Generator().manual_seed(3))
    _, _, losses = trainer.generator_losses(source, same, target)
    losses["loss/generators"].backward()
    for frozen in (trainer.classifier, trainer.d_source, trainer.d_target):
        assert all(parameter.grad is None for parameter in frozen.parameters())
    assert all(parameter.grad is not None for parameter in trainer.f.parameters())


def test_classifier_stays_as_it_was(run: StageRun) -> None:
    trainer = small_trainer(run)
    before = {name: value.clone() for name, value in trainer.classifier.state_dict().items()}
    trainer.step(0)
    for name, value in trainer.classifier.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not trainer.classifier.training


def test_similarity_reaches_the_generators(run: StageRun) -> None:
    """Lambda 2 changes what G learns, through the frozen classifier and F."""
    changes = []
    for weight in (1.0, 100.0):
        trainer = small_trainer(run, lambda_similarity=weight)
        trainer.step(0)
        changes.append(torch.cat([parameter.flatten() for parameter in trainer.g.parameters()]))
    assert not torch.equal(*changes)


@pytest.mark.parametrize(
    "changes",
    [{}, {"pool": 3, "average_decay": 0.9}, {"optimizer": "sgd"}, {"method": "simpgan-fit", "lambda_identity": 5}],
)
def test_restored_training_goes_on_as_if_undisturbed(run: StageRun, changes: dict[str, object]) -> None:
    undisturbed = small_trainer(run, **changes)
    for step in range(4):
        last = undisturbed.step(step)
    first = small_trainer(run, **changes)
    for step in range(2):
        first.step(step)
    second = small_trainer(run, **changes)
    second.restore(first.state())
    for step in range(2, 4):
        resumed = second.step(step)
    assert {name: float(value) for name, value in resumed.items()} == {
        name: float(value) for name, value in last.items()
    }
    for ours, theirs in zip(second.average_f.parameters(), undisturbed.average_f.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_rate_falls_to_zero_after_the_constant_share() -> None:
    settings = TrainGanSettings(steps=100, constant_share=0.5)
    assert [rate_factor(step, settings) for step in (0, 49, 50, 75, 99)] == [1, 1, 1, 0.5, 0.02]
