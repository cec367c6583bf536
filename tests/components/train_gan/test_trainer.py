"""The SimPGAN step against the same step written plainly, and what it must not compute."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from simpgan.components.core.data.pairs import PairSampler
from simpgan.components.core.models import layers
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.precision import Outcome, poison_memory
from simpgan.components.core.tracking import StageRun, stage_run
from simpgan.components.core.training.averaging import update_ema
from simpgan.components.core.training.checkpoint import pack
from simpgan.components.core.training.device import seed_step
from simpgan.components.train_gan import losses
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.components.train_gan.trainer import GanTrainer, rate_factor
from tests.components.train_gan.plain_step import plain_step

SMALL = {"height": 32, "width": 32, "channels": 4, "blocks": 1, "pairs": 2, "precision": "fp32", "steps": 4}
SMALL |= {"candidates": 1}


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


@pytest.mark.parametrize("variant", [{}, {"input_skip": True, "upsample": "resize"}, {"recompute": True}])
def test_step_equals_the_plainly_written_one(run: StageRun, variant: dict[str, object]) -> None:
    trainer = small_trainer(run, gradient_norm_steps=0, **variant)
    expected = plain_step(trainer, trainer.batches.draw(seed_step(0, 0)))
    networks = [trainer.g, trainer.f, trainer.d_source, trainer.d_target]
    expected_gradients = gradients(networks)

    seen = trainer.step(0)

    assert {name for name in seen if name.startswith("loss/")} == expected.keys()
    for name, loss in expected.items():
        torch.testing.assert_close(seen[name], loss, rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(gradients(networks), expected_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)
    for kind, updated in (("generators", networks[:2]), ("discriminators", networks[2:])):
        norm = torch.cat([gradient.flatten() for gradient in gradients(updated)]).norm()
        torch.testing.assert_close(seen[f"gradient/{kind}"], norm, rtol=1e-5, atol=0)
    assert seen["train/learning_rate"] == pytest.approx(trainer.settings.rate)


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 0.02)])
@pytest.mark.parametrize("upsample", ["resize", "transposed"])
def test_steps_equal_those_with_torch_s_layers(
    run: StageRun, upsample: str, precision: str, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"method": "cyclegan", "upsample": upsample, "input_skip": True, "optimizer": "sgd"}
    faster, plain = small_trainer(run, **changes), small_trainer(run, **changes)
    faster.outcome = plain.outcome = Outcome(precision)
    for step in range(3):
        found = faster.step(step)
        with monkeypatch.context() as patched:
            patched.setattr(layers, "is_eager_on_cpu", lambda _: False)
            expected = plain.step(step)
        for name in expected:
            if name.startswith("loss/"):
                torch.testing.assert_close(found[name], expected[name], rtol=tolerance, atol=tolerance)
    for name in ("g", "f", "d_source", "d_target"):
        for ours, theirs in zip(getattr(faster, name).parameters(), getattr(plain, name).parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance / 10)


def test_the_smallest_images_train_as_in_float32(run: StageRun) -> None:
    """Of force where the processor multiplies bfloat16."""
    wanted, exact = (small_trainer(run, precision=precision, channels=8) for precision in ("auto", "fp32"))
    for step in range(3):
        poison_memory()
        found, expected = wanted.step(step), exact.step(step)
        assert all(value.isfinite() for value in found.values())
        if step == 0:
            assert found["loss/generators"].item() == pytest.approx(expected["loss/generators"].item(), rel=0.02)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("simpgan", {"g": 2, "f": 2, "d_source": 2, "d_target": 2, "similarity judge": 1}),
        ("simpgan-fit", {"g": 2, "f": 2, "d_source": 2, "d_target": 2, "similarity judge": 1, "classifier": 1}),
        ("cyclegan", {"g": 2, "f": 2, "d_source": 2, "d_target": 2}),
        ("gan", {"g": 1, "f": 1, "d_source": 2, "d_target": 2}),
    ],
)
def test_each_network_runs_once_per_concatenated_pair(run: StageRun, method: str, expected: dict[str, int]) -> None:
    """G and F run on recorded and on translated images, a discriminator once in each update."""
    trainer = small_trainer(run, method=method)
    calls: Counter[str] = Counter()
    networks = {name: getattr(trainer, name) for name in ("g", "f", "d_source", "d_target", "classifier")}
    for name, network in {**networks, "similarity judge": trainer.generator_objective.judges[-1]}.items():
        network.register_forward_hook(lambda *_, name=name: calls.update([name]))
    trainer.step(0)
    assert calls == expected


def test_no_gradient_reaches_weights_that_do_not_learn_from_the_loss(run: StageRun) -> None:
    trainer = small_trainer(run)
    made = trainer.generator_objective(trainer.batches.draw(torch.Generator().manual_seed(3)))
    torch.stack(list(made.parts.values())).sum().backward()
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
    [
        {"pool": 3, "average_decay": 0.9, "candidates": 3},
        {"optimizer": "sgd", "similarity_warmup": 3},
        {"method": "simpgan-fit", "lambda_identity": 5, "classifier_rate": 0.01},
    ],
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
    assert pack(second.state(), ours := {}) == pack(undisturbed.state(), theirs := {})
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_similarity_weight_rises_linearly() -> None:
    settings = TrainGanSettings(lambda_similarity=2, similarity_warmup=4)
    assert [settings.loss_weights(step)["similarity"] for step in (0, 1, 3, 4, 99)] == [0.5, 1, 2, 2, 2]
    assert [settings.loss_weights(step)["cycle"] for step in (0, 99)] == [10, 10]
    assert TrainGanSettings(lambda_similarity=2).loss_weights(0)["similarity"] == 2


def test_total_is_the_weighted_sum_of_its_parts(run: StageRun) -> None:
    trainer = small_trainer(run, method="simpgan-fit", lambda_identity=5, lambda_fitness=3, similarity_warmup=2)
    seen = {name: float(value) for name, value in trainer.step(0).items()}
    weights = {"adversarial_g": 1, "adversarial_f": 1, "cycle": 10, "similarity": 0.5, "fitness": 3, "identity": 5}
    expected = sum(weight * seen[f"loss/{name}"] for name, weight in weights.items())
    assert seen["loss/generators"] == pytest.approx(expected, rel=1e-5)
    updates = {"gradient/generators", "gradient/discriminators"}
    assert {name for name in seen if name.startswith("gradient/")} == updates | {f"gradient/{name}" for name in weights}
    assert {name for name in trainer.step(1) if name.startswith("gradient/")} == updates


def test_fine_tuning_moves_the_classifier_s_weights_only(run: StageRun) -> None:
    """Its batch-norm statistics stay; its loss is that of recorded and reconstructed source pairs."""
    trainer = small_trainer(run, classifier_rate=0.01)
    batch = trainer.batches.draw(seed_step(0, 0))
    with torch.no_grad():
        versions = [batch.source, trainer.f(trainer.g(batch.source))]
        logits = [trainer.classifier.identity_logits(trainer.classifier(images)) for images in versions]
        identification = sum(nn.functional.cross_entropy(each, batch.identity) for each in logits)
        verification = sum(losses.similarity(trainer.classifier, images, batch.same) for images in versions) / 2
    before = {name: value.clone() for name, value in trainer.classifier.state_dict().items()}
    seen = trainer.step(0)
    torch.testing.assert_close(seen["loss/classifier_identification"], identification, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(seen["loss/classifier_verification"], verification, rtol=1e-4, atol=1e-5)
    changed = {name for name, value in trainer.classifier.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name, _ in trainer.classifier.named_parameters()}
    judge = trainer.selector.judge.classifier
    assert all(torch.equal(value, before[name]) for name, value in judge.state_dict().items())


def test_the_pool_shows_the_discriminators_old_translations(run: StageRun) -> None:
    trainer = small_trainer(run, pool=4, steps=6)
    judged: list[torch.Tensor] = []
    trainer.d_source.register_forward_pre_hook(lambda _, inputs: judged.append(inputs[0][:4].detach().clone()))
    trainer.selector.judge = None
    for step in range(6):
        trainer.step(step)
    made, shown = judged[0::2], judged[1::2]
    assert torch.equal(made[0], shown[0])
    assert not all(torch.equal(ours, theirs) for ours, theirs in zip(made, shown, strict=True))
    past = torch.cat(made)
    assert all((past == image).flatten(1).all(1).any() for images in shown for image in images)


def test_rate_falls_to_zero_after_the_constant_share() -> None:
    settings = TrainGanSettings(steps=100, constant_share=0.5)
    assert [rate_factor(step, settings) for step in (0, 49, 50, 75, 99)] == [1, 1, 1, 0.5, 0.02]


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ("g", "loss/adversarial_g"),
        ("d_source", "loss/adversarial_f"),
        ("discriminator_objective", "loss/discriminators"),
        ("classifier_objective", "loss/classifier"),
    ],
)
def test_a_loss_that_is_not_finite_updates_nothing_that_comes_after_it(run: StageRun, broken: str, named: str) -> None:
    trainer = small_trainer(run, classifier_rate=0.01, average_decay=0.9)
    trainer.step(0)
    order = ["generator", "discriminator", "classifier"]
    first = {"discriminator_objective": 1, "classifier_objective": 2}.get(broken, 0)
    spared = order[first:]
    networks = {
        "generator": (trainer.g, trainer.f),
        "discriminator": (trainer.d_source, trainer.d_target),
        "classifier": (trainer.classifier,),
    }

    def kept() -> list[torch.Tensor]:
        parts = [*(network for name in spared for network in networks[name]), *(trainer.optimizers[n] for n in spared)]
        pack([part.state_dict() for part in parts], tensors := {})
        return list(tensors.values())

    before = kept()

    def to_nan(module: nn.Module, inputs: object, output: object) -> object:
        if isinstance(output, dict):
            return {name: loss * float("nan") for name, loss in output.items()}
        return output * float("nan")

    getattr(trainer, broken).register_forward_hook(to_nan)
    assert trainer.step(1)[named].isnan()
    assert all(torch.equal(*each) for each in zip(kept(), before, strict=True))


def test_the_running_average_is_a_plain_mean_at_first_and_then_forgets() -> None:
    """With decay 0.75 it is the mean of the first four steps; later each step counts a quarter."""
    average, network = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    weights = [3.0, 5.0, 1.0, 7.0, 9.0, 2.0]
    expected = [3, 4, 3, 4, 0.75 * 4 + 0.25 * 9, 0.75 * (0.75 * 4 + 0.25 * 9) + 0.25 * 2]
    for step, (weight, mean) in enumerate(zip(weights, expected, strict=True)):
        nn.init.constant_(network.weight, weight)
        update_ema(average, network, 0.75, step)
        assert average.weight.item() == pytest.approx(mean)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_as_many_pairs_are_of_one_person_as_the_settings_say(run: StageRun, share: float) -> None:
    trainer = small_trainer(run, pairs=2000, positive_share=share)
    same = trainer.batches.draw(seed_step(0, 0)).same
    assert same.mean().item() == pytest.approx(share, abs=0.05)
