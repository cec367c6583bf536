"""Resizing as Pillow does, inside a network."""

import numpy as np
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from simpgan.components.core.data.image_tensors import resize_image
from simpgan.components.export_model.network import PillowResize

SIDES = st.integers(1, 70)


@example(before=(256, 128), after=(128, 64), seed=0)
@example(before=(128, 64), after=(256, 128), seed=0)
@given(before=st.tuples(SIDES, SIDES), after=st.tuples(SIDES, SIDES), seed=st.integers(0, 100))
def test_images_are_resized_number_for_number_as_pillow_does(
    before: tuple[int, int], after: tuple[int, int], seed: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (*before, 3), dtype=np.uint8)
    expected = resize_image(Image.fromarray(image), *after)
    resized = PillowResize(before, after)(torch.from_numpy(image).permute(2, 0, 1)[None])
    assert resized[0].tolist() == expected.tolist()
