"""The ResNets against torchvision's."""

import pytest
import torch
import torchvision

from simpgan.components.core.models import resnet


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_the_networks_are_torchvisions_down_to_what_a_seed_draws(name: str) -> None:
    torch.manual_seed(3)
    ours = getattr(resnet, name)().eval()
    drawn = torch.rand(1)
    torch.manual_seed(3)
    reference = torchvision.models.get_model(name).eval()
    assert torch.equal(drawn, torch.rand(1))
    expected = reference.state_dict()
    assert list(ours.state_dict()) == list(expected)
    assert all(torch.equal(value, expected[key]) for key, value in ours.state_dict().items())
    images = torch.rand(2, 3, 64, 32)
    torch.testing.assert_close(ours(images), reference(images))
    ours(images * 2).sum().backward()
    reference(images * 2).sum().backward()
    for mine, theirs in zip(ours.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)
