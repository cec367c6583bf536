"""Labelled pairs of images of a source data set."""

import numpy as np
import torch
from torch import Tensor

from simpgan.components.core.data.suitability import refuse_few_identities, refuse_without_pairs


class PairSampler:
    """Draws pairs (first, second) of indices with q = 1 for the same identity and q = 0 otherwise."""

    def __init__(self, persons: np.ndarray, numbered: np.ndarray | None = None) -> None:
        """Index the images by identity.

        Args:
            persons: [N], identity of each image, any integers.
            numbered: identities by whose ascending order labels are numbered, those of `persons` among them; None:
                those of `persons`.

        Raises:
            UserError: fewer than two identities, or no identity with two images.
        """
        refuse_without_pairs(persons)
        identities, places, counts = np.unique(persons, return_inverse=True, return_counts=True)
        labels = places if numbered is None else np.searchsorted(np.unique(numbered), persons)
        self.labels = torch.from_numpy(labels)
        self.identities = len(identities)
        self._places = torch.from_numpy(places)
        self._counts = torch.from_numpy(counts)
        self._by_identity = torch.from_numpy(np.argsort(places, kind="stable"))
        self._starts = torch.from_numpy(np.concatenate([[0], np.cumsum(counts)[:-1]]))
        rank = torch.empty_like(self._by_identity)
        rank[self._by_identity] = torch.arange(len(places))
        self._rank_within = rank - self._starts[self._places]

    def epoch(self, generator: torch.Generator) -> Tensor:
        """Return a random order of all images [N]."""
        return torch.randperm(len(self.labels), generator=generator)

    def partners(self, first: Tensor, positive_share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw a second image for each image of `first` [B], and q [B] as float: 1 with probability `positive_share`.

        A positive is another image of the same identity, uniformly. An identity with one image has none, so its pair is
        negative. A negative is uniform over the images of all other identities.
        """
        size = len(first)
        identity = self._places[first]
        count, start = self._counts[identity], self._starts[identity]
        positive = (torch.rand(size, generator=generator) < positive_share) & (count > 1)
        draw = torch.rand(size, generator=generator, dtype=torch.float64)
        # The image's own place (for a positive), or its identity's whole run (for a negative), is jumped over.
        other = (draw * (count - 1).clamp(min=1)).long()
        other = other + (other >= self._rank_within[first])
        same_person = start + torch.where(count > 1, other, torch.zeros_like(other))
        outside = (draw * (len(self.labels) - count)).long()
        other_person = outside + torch.where(outside >= start, count, torch.zeros_like(count))
        return self._by_identity[torch.where(positive, same_person, other_person)], positive.float()

    def balanced(self, identities: int, images: int, generator: torch.Generator) -> Tensor:
        """Draw `images` images each of as many random identities: [identities * images], each identity's side by side.

        Images do not repeat unless an identity has fewer; then they repeat in turn.

        Raises:
            UserError: the source has fewer identities.
        """
        refuse_few_identities(self.identities, identities)
        batch = []
        for identity in torch.randperm(self.identities, generator=generator)[:identities].tolist():
            start, count = int(self._starts[identity]), int(self._counts[identity])
            order = torch.randperm(count, generator=generator)
            batch.append(self._by_identity[start + order[torch.arange(images) % count]])
        return torch.cat(batch)


def pairs_within(labels: Tensor, positive_share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw pairs (first, second) of positions in a batch with identities `labels` [N]: [M] each.

    Every positive pair occurs once. Negative pairs are drawn with replacement, as many as give the positive ones their
    share.
    """
    same = labels[:, None] == labels[None, :]
    positive = same.triu(1).nonzero()
    negative = (~same).triu(1).nonzero()
    count = round(len(positive) * (1 - positive_share) / positive_share)
    drawn = torch.randint(len(negative), (count,), generator=generator)
    first, second = torch.cat([positive, negative[drawn]]).T
    return first, second
