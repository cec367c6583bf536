"""Pool of past translations (Shrivastava et al. 2017, as in CycleGAN)."""

import torch
from torch import Tensor


class ImagePool:
    """Keeps up to `capacity` past fakes and returns mixtures of new and old ones."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.images: list[Tensor] = []

    def exchange(self, fakes: Tensor, generator: torch.Generator) -> Tensor:
        """Return fakes of which about half are past ones; the replaced ones take their places in the pool.

        Args:
            fakes: new translations [N, 3, H, W].
            generator: source of randomness.

        Returns:
            [N, 3, H, W].
        """
        shown = []
        for fake in fakes.detach():
            if len(self.images) < self.capacity:
                self.images.append(fake.clone())
                shown.append(fake)
            elif torch.rand((), generator=generator) < 0.5:
                place = int(torch.randint(self.capacity, (), generator=generator))
                shown.append(self.images[place])
                self.images[place] = fake.clone()
            else:
                shown.append(fake)
        return torch.stack(shown)
