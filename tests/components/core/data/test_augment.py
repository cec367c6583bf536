"""Random flips and crops."""

import torch

from components.core.data.augment import flip, shift


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
