"""The classifier's training step and schedules."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from simpgan.components.core.data.pairs import PairSampler
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.precision import poison_memory
from simpgan.components.core.training.checkpoint import pack
from simpgan.components.core.training.device import seed_step
from simpgan.components.pretrain.schedule import positive_share, rate_factor
from simpgan.components.pretrain.settings import PretrainSettings
from simpgan.components.pretrain.stage import build_classifier
from simpgan.components.pretrain.trainer import PairBatch, PretrainTrainer

SMALL = {
    "backbone": "resnet18",
    "weights": "none",
    "height": 32,
    "width": 32,
    "pairs": 4,
    "epochs": 3,
    "crop_padding": 2,
    "precision": "fp32",
}


def small_trainer(**changes: object) -> PretrainTrainer:
    settings = PretrainSettings.parse(SMALL | changes)
    shape = (12, 3, settings.height, settings.width)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    sampler = PairSampler(np.repeat([5, 8, 9], 4))
    return PretrainTrainer(build_classifier(settings, sampler.identities), images, sampler, settings)


def drawn(trainer: PretrainTrainer, steps: range) -> list[PairBatch]:
    """The batches of some steps."""
    return [trainer.draw(step, seed_step(trainer.settings.seed, step)) for step in steps]


def test_losses_are_cross_entropies_of_identities_and_of_pairs() -> None:
    """With heads that are still zero every identity has probability 1/3 and every pair 1/2."""
    trainer = small_trainer()
    for head in (trainer.classifier.identity_head, trainer.classifier.verification_head):
        torch.nn.init.zeros_(head.weight)
    recorded = trainer.step(0)
    identification = 2 * log_loss([0, 1], np.full((2, 3), 1 / 3), labels=[0, 1, 2])
    assert recorded["loss/identification"].item() == pytest.approx(identification, rel=1e-5)
    assert recorded["loss/verification"].item() == pytest.approx(math.log(2), rel=1e-5)
    assert recorded["loss/all"].item() == pytest.approx(identification + math.log(2), rel=1e-5)


@pytest.mark.parametrize("size", [{"width": 16}, {"height": 64, "last_stride": 2}, {"width": 16, "ibn": True}])
def test_the_smallest_images_train_with_finite_numbers(size: dict[str, object]) -> None:
    """Of force where the processor multiplies bfloat16: such maps came out as anything, at another step each time."""
    wanted, exact = (small_trainer(**size, precision=precision) for precision in ("auto", "fp32"))
    for step in range(6):
        poison_memory()
        found = wanted.step(step)
        assert all(value.isfinite() for value in found.values())
        expected = exact.step(step)
        if step == 0:
            assert found["loss/all"].item() == pytest.approx(expected["loss/all"].item(), rel=0.02)


def test_an_epoch_begins_a_pair_with_each_image_once() -> None:
    trainer = small_trainer()
    firsts, later = (
        torch.cat([batch.rows[batch.first] for batch in drawn(trainer, range(start, start + 3))]) for start in (0, 3)
    )
    assert sorted(firsts.tolist()) == list(range(12))
    assert firsts.tolist() != later.tolist()


def test_balanced_batches_have_their_pairs_within() -> None:
    trainer = small_trainer(pairs=4, images_per_identity=4, negatives_growth=1)
    for batch in drawn(trainer, range(3)):
        identity = trainer.sampler.labels[batch.rows]
        assert identity.unique(return_counts=True)[1].tolist() == [4, 4]
        same = identity[batch.first] == identity[batch.second]
        assert same.sum() == 12  # two identities, six pairs of four images each
        assert len(same) == 24


def test_the_first_stage_learns_identities_alone_at_its_own_rate() -> None:
    """Twelve images in batches of four: three steps an epoch, then pairs."""
    trainer = small_trainer(identity_epochs=2, identity_batch=4, identity_stage_rate=0.01, epochs=1)
    assert trainer.steps == 2 * 3 + 3
    batches = drawn(trainer, range(7))
    for epoch in (batches[:3], batches[3:6]):
        assert sorted(torch.cat([batch.rows for batch in epoch]).tolist()) == list(range(12))
    assert len(batches[6].rows) == 8
    assert trainer.rates_at(5) == [0.01] * 3
    assert trainer.rates_at(6) == pytest.approx([1e-4, 1e-3, 0.1])
    recorded = trainer.step(0)
    assert recorded["loss/all"].item() == pytest.approx(recorded["loss/identification"].item() / 2)
    assert trainer.classifier.verification_head.weight.grad.abs().max() == 0
    trainer.step(6)
    assert trainer.classifier.verification_head.weight.grad.abs().max() > 0


def test_the_triplet_loss_takes_part_by_its_weight() -> None:
    trainer = small_trainer(images_per_identity=4, triplet_weight=0.5, identity_weight=0, verification_weight=0)
    recorded = trainer.step(0)
    assert recorded["loss/triplet"] > 0
    assert recorded["loss/all"].item() == pytest.approx(recorded["loss/triplet"].item() / 2)


def test_every_augmentation_is_a_function_of_the_step() -> None:
    trainer = small_trainer(jitter=0.3, grey=0.3, erasing=0.5)
    rows = torch.arange(12)
    one, same, other = (trainer.augmented(rows, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "adam", "bn_neck": True, "dropout": 0.5, "images_per_identity": 4, "triplet_weight": 1}
        | {"jitter": 0.2, "grey": 0.2, "erasing": 0.5, "ibn": True, "mixstyle": 0.5},
        {"identity_epochs": 1, "identity_batch": 4},
    ],
)
def test_restored_training_goes_on_as_if_undisturbed(changes: dict[str, object]) -> None:
    undisturbed, first, second = (small_trainer(**changes) for _ in range(3))
    for step in range(4):
        last = undisturbed.step(step)
    for step in range(2):
        first.step(step)
    second.restore(first.state())
    for step in range(2, 4):
        resumed = second.step(step)
    assert {name: float(value) for name, value in resumed.items()} == {
        name: float(value) for name, value in last.items()
    }
    for name, value in second.classifier.state_dict().items():
        assert torch.equal(value, undisturbed.classifier.state_dict()[name]), name


def test_it_learns_to_tell_three_colours_apart() -> None:
    trainer = small_trainer(optimizer="adam", backbone_rate=1e-3, identity_rate=1e-2, verification_rate=1e-2, dropout=0)
    trainer.images[:] = torch.tensor([40, 120, 220], dtype=torch.uint8).repeat_interleave(4).view(12, 1, 1, 1)
    for step in range(15):
        recorded = trainer.step(step)
    assert recorded["train/identity_accuracy"] > 0.8


def test_share_of_positive_pairs_falls_from_a_half_to_a_fifth() -> None:
    settings = PretrainSettings()
    assert positive_share(0, settings) == pytest.approx(1 / 2)
    assert positive_share(20, settings) == pytest.approx(1 / (2 * 1.01**20))
    assert positive_share(200, settings) == pytest.approx(1 / 5)


def test_published_rate_falls_to_a_tenth_after_epoch_70() -> None:
    settings = PretrainSettings()
    assert [rate_factor(epoch, settings) for epoch in (0, 69.9, 70, 74)] == [1, 1, 0.1, 0.1]


def test_cosine_with_warm_up() -> None:
    settings = PretrainSettings(schedule="cosine", epochs=10, warmup_epochs=2)
    assert rate_factor(0, settings) < 0.01
    assert rate_factor(1, settings) == pytest.approx(0.5 * (1 + math.cos(math.pi / 10)) / 2, rel=0.01)
    assert rate_factor(5, settings) == pytest.approx(0.5)
    assert rate_factor(9.99, settings) < 0.01


def test_weights_of_the_run_are_those_of_its_seed(tmp_path: Path) -> None:
    one, same, other = (
        build_classifier(PretrainSettings.parse(SMALL | {"seed": seed}), 3).backbone.conv1.weight for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images_per_identity": 3}, "must divide the 8 images of a batch"),
        ({"images_per_identity": 8}, "into at least two identities"),
        ({"images_per_identity": 1}, "with at least two images each"),
        ({"triplet_weight": 1}, "triplet_weight needs identity-balanced batches"),
        ({"identity_weight": 0, "verification_weight": 0}, "nothing is left to learn"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        PretrainSettings.parse(SMALL | changes)


def test_more_identities_in_a_batch_than_in_the_source_are_refused() -> None:
    trainer = small_trainer(pairs=8, images_per_identity=2)
    with pytest.raises(UserError, match=r"8 identities cannot be drawn from a source with 3: lower pretrain\.pairs"):
        trainer.step(0)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_loss_that_is_not_finite_updates_nothing(optimizer: str) -> None:
    trainer = small_trainer(optimizer=optimizer)
    trainer.step(0)

    def learned() -> list[torch.Tensor]:
        pack([trainer.optimizer.state_dict(), list(trainer.classifier.parameters())], tensors := {})
        return list(tensors.values())

    before = learned()
    trainer.losses.register_forward_hook(
        lambda _, inputs, parts: {name: loss * float("nan") for name, loss in parts.items()}
    )
    assert trainer.step(1)["loss/all"].isnan()
    assert all(torch.equal(*each) for each in zip(learned(), before, strict=True))
