"""Random changes to images."""

import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from simpgan.components.core.data.augment import erase, flip, grey, jitter, luminance, shift, stretch_mask


def images(count: int = 200) -> torch.Tensor:
    return torch.arange(count * 3 * 6 * 4).view(count, 3, 6, 4).float()


def test_flip_mirrors_about_half_and_leaves_the_others() -> None:
    before = images()
    after = flip(before, torch.Generator().manual_seed(0))
    mirrored = [torch.equal(one, other.flip(2)) for one, other in zip(after, before, strict=True)]
    untouched = [torch.equal(one, other) for one, other in zip(after, before, strict=True)]
    assert all(a != b for a, b in zip(mirrored, untouched, strict=True))
    assert 70 < sum(mirrored) < 130


def test_shift_is_a_crop_of_the_image_with_its_border_repeated() -> None:
    before = images()
    after = shift(before, 2, torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(before, (2, 2, 2, 2), mode="replicate")
    places = set()
    for one, other in zip(after, padded, strict=True):
        found = [(y, x) for y in range(5) for x in range(5) if torch.equal(one, other[:, y : y + 6, x : x + 4])]
        assert found
        places.add(found[0])
    assert len(places) > 20


def test_no_padding_changes_nothing() -> None:
    assert torch.equal(shift(images(3), 0, torch.Generator()), images(3))


def colours(count: int = 200) -> torch.Tensor:
    return torch.rand(count, 3, 6, 4, generator=torch.Generator().manual_seed(7)) * 2 - 1


def test_jitter_is_what_torchvision_does_with_the_same_factors() -> None:
    before, strength = colours(5), 0.4
    after = jitter(before, strength, torch.Generator().manual_seed(0))
    factors = 1 + strength * (2 * torch.rand(3, 5, generator=torch.Generator().manual_seed(0)) - 1)
    for one, other, (brightness, contrast, saturation) in zip(before, after, factors.T.tolist(), strict=True):
        light = reference.adjust_brightness((one + 1) / 2, brightness)
        light = reference.adjust_saturation(reference.adjust_contrast(light, contrast), saturation)
        # torchvision rounds the weights of the colours to four digits
        torch.testing.assert_close(other, light * 2 - 1, atol=2e-3, rtol=0)


def test_jitter_stays_in_range_and_differs_from_image_to_image() -> None:
    before = colours(1).expand(50, -1, -1, -1)
    after = jitter(before, 0.5, torch.Generator().manual_seed(0))
    assert after.abs().max() <= 1
    assert len({image.mean().item() for image in after}) == 50


def test_grey_takes_the_colours_from_its_share_of_images() -> None:
    before = colours()
    after = grey(before, 0.3, torch.Generator().manual_seed(0))
    colourless = (after == after[:, :1]).all(3).all(2).all(1)
    assert 40 < colourless.sum() < 80
    assert torch.equal(after[~colourless], before[~colourless])
    torch.testing.assert_close(luminance(after[colourless]), luminance(before[colourless]))


def test_erase_paints_rectangles_of_two_to_forty_percent() -> None:
    before = torch.ones(300, 3, 100, 50)
    after = erase(before, 0.5, torch.Generator().manual_seed(0))
    erased = after[:, 0] == 0
    assert torch.equal(after, before.masked_fill(erased[:, None], 0))
    areas = []
    for hole in erased[erased.any(2).any(1)]:
        rows, columns = hole.any(1), hole.any(0)
        assert torch.equal(hole, rows[:, None] & columns[None, :])
        for line in (rows, columns):
            assert line.int().diff().abs().sum() <= 2
        areas.append(hole.float().mean().item())
    assert 110 < len(areas) < 190
    assert min(areas) > 0.015
    assert max(areas) < 0.42
    assert max(areas) > 0.3


def test_a_stretch_can_begin_anywhere_it_fits() -> None:
    placed = stretch_mask(4, torch.tensor([1.0, 3.0, 3.0, 4.0]), torch.tensor([0.99, 0.0, 0.99, 0.5]))
    assert placed.int().tolist() == [[0, 0, 0, 1], [1, 1, 1, 0], [0, 1, 1, 1], [1, 1, 1, 1]]


@pytest.mark.parametrize("change", [jitter, grey, erase])
def test_a_change_with_probability_or_strength_zero_changes_nothing(change: object) -> None:
    before = colours(3)
    assert change(before, 0, torch.Generator()) is before
