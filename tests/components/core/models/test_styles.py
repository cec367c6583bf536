"""Instance normalisation of a half, and mixed styles."""

import torch

from simpgan.components.core.models.styles import InstanceBatchNorm, MixStyle


def test_one_half_is_normalised_by_image_the_other_by_batch() -> None:
    layer = InstanceBatchNorm(4)
    features = torch.randn(5, 4, 8, 6) * 3 + 2
    instance, batch = layer(features).chunk(2, 1)
    torch.testing.assert_close(instance.mean((2, 3)), torch.zeros(5, 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(instance.var((2, 3), correction=0), torch.ones(5, 2), atol=1e-3, rtol=0)
    torch.testing.assert_close(batch.mean((0, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    assert batch.mean((2, 3)).abs().max() > 0.01


def test_a_mixed_image_keeps_its_content_and_has_a_style_between_its_own_and_another_s() -> None:
    torch.manual_seed(0)
    scale = torch.tensor([1.0, 5.0, 20.0]).view(3, 1, 1, 1)
    features = torch.randn(3, 2, 16, 8) * scale + scale
    mixed = MixStyle(1).train()(features)

    def content(images: torch.Tensor) -> torch.Tensor:
        return (images - images.mean((2, 3), keepdim=True)) / images.std((2, 3), keepdim=True)

    torch.testing.assert_close(content(mixed), content(features), atol=1e-3, rtol=0)
    styles, mixed_styles = features.std((2, 3)), mixed.std((2, 3))
    assert (mixed_styles >= styles.amin(0) - 1e-3).all()
    assert (mixed_styles <= styles.amax(0) + 1e-3).all()
    assert not torch.allclose(mixed_styles, styles)


def test_styles_are_mixed_in_a_share_of_training_steps_only() -> None:
    torch.manual_seed(0)
    features = torch.randn(4, 2, 3, 3)
    layer = MixStyle(0.5).train()
    mixed = sum(layer(features) is not features for _ in range(200))
    assert 70 < mixed < 130
    assert layer.eval()(features) is features
