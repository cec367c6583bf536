"""Score translations without labels of the target.

A few measures compare a fixed sample of the source's and the target's training images before and after translation, in
pixels and in the features of the classifier that will search for people. None uses a label.
`tests/studies/checkpoint_choice.py` measures how well they follow the rates measured with labels.
"""

from collections.abc import Iterable, Mapping
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from simpgan.components.core.data.image_tensors import to_unit_range
from simpgan.components.core.data.suitability import refuse_single_image
from simpgan.components.core.models.classifier import SiameseClassifier
from simpgan.components.core.models.precision import Inference

SAMPLE = 256
"""Images of each domain in the sample: enough for a distance of distributions, and seconds of a CPU."""

NEIGHBOURS = 10
BATCH = 32


class ReferenceFeatures:
    """A classifier's features of a sample of both domains as recorded, for comparison with others.

    Args:
        source: [N, D], features of the source's images.
        recorded: [M, D], features of the target's images as recorded.
    """

    def __init__(self, source: Tensor, recorded: Tensor) -> None:
        self.source, self.recorded = source, recorded
        self.distance = frechet_distance(recorded, source)

    def measure(self, features: Tensor, logits: Tensor) -> dict[str, float]:
        """Measure features of the same target images after translation, or by adapted statistics.

        - `frechet`: distance of these images from the source in the classifier's features, relative to that of the
        images as
          recorded: 1 without translation, 0 for equal distributions. Sees a style or a quality that the classifier does
              not
          know. Misses whether a person is still the same person.
        - `neighbours`: share of each image's ten nearest target images in these features that were among the ten
        nearest before
          translation: 1 without translation, 10 / (M - 1) by chance. Sees people exchanged, made up or made alike.
              Misses
          whether the order was good; removing the differences between cameras lowers it too.
        - `entropy`: entropy of the classifier's distribution over the source's identities, mean over these images, in
        nats. It
          is low for images that all look like the same few identities. So doubt is a good sign, against intuition:
              people of
          the target are none of these identities. Misses noise, which raises it too.

        Args:
            features: [M, D], of the images of `recorded` in their order.
            logits: [M, K], of the classifier's identities.
        """
        return {
            "frechet": frechet_distance(features, self.source) / max(self.distance, 1e-12),
            "neighbours": common_neighbours(self.recorded, features, NEIGHBOURS),
            "entropy": mean_entropy(logits),
        }


class TranslatorJudge:
    """Judges translators by a frozen classifier's features of a fixed sample of images.

    Its measures can be compared between translators that were judged with one classifier and one sample: between steps,
    loss weights and methods, but not between data sets.
    """

    def __init__(
        self, classifier: SiameseClassifier, source: Tensor, target: Tensor, *, seed: int, precision: str
    ) -> None:
        """Draw the sample and extract its features.

        Args:
            classifier: frozen classifier, which must not change.
            source: uint8 [N, 3, H, W], the labelled images, on the device to compute on.
            target: uint8 [M, 3, H, W], the unlabelled training images, on the same device.
            seed: seed of the sample.
            precision: wanted precision, as for `Inference`. Distances are computed in double precision.

        Raises:
            UserError: a domain has a single image.
        """
        refuse_single_image("source", len(source))
        refuse_single_image("target", len(target))
        generator = torch.Generator().manual_seed(seed)
        self.classifier, self.judge = classifier, Inference(classifier, precision)
        self.source, self.target = (to_unit_range(draw_sample(images, generator)) for images in (source, target))
        self.reference = ReferenceFeatures(
            *(run_batches(self.judge, images.split(BATCH)) for images in (self.source, self.target))
        )

    def measure(self, f: nn.Module, g: nn.Module) -> dict[str, float]:
        """Measure the translators F: T->S and G: S->T of images in [-1, 1].

        Returns:
            The measures of `Reference.measure`, and `cycle_source` and `cycle_target`: mean |F(G(S)) - S| and |G(F(T))
                - T|, 0..2. They see lost content. They miss content hidden in faint noise, and depend on G as well as
                on F.
        """
        translate, translate_back = (Inference(network, self.judge.wanted, kept=False) for network in (f, g))
        translated = run_batches(translate, self.target.split(BATCH))
        fake_target = run_batches(translate_back, self.source.split(BATCH))
        features = run_batches(self.judge, translated.split(BATCH))
        with torch.no_grad():
            logits = self.classifier.identity_logits(features)
        rebuilt_source = run_batches(translate, fake_target.split(BATCH))
        rebuilt_target = run_batches(translate_back, translated.split(BATCH))
        return {
            **self.reference.measure(features, logits),
            "cycle_source": (rebuilt_source - self.source).abs().mean().item(),
            "cycle_target": (rebuilt_target - self.target).abs().mean().item(),
        }


def run_batches(network: Inference, batches: Iterable[Tensor]) -> Tensor:
    """Run the network on batches of images [n, 3, H, W] and join the outputs, float32."""
    return torch.cat([network(batch) for batch in batches])


def selection_score(measures: Mapping[str, float]) -> float:
    """Return the score for the selection of a translation, lower is better: `frechet / sqrt(neighbours)`.

    A translation has to bring images closer to the source, and they have to stay the images they were: ten percent less
    distance is worth a fifth fewer kept neighbours. The first measure alone, which follows the rates best, would accept
    any image of the source's people as a good translation; docs/findings.md has the figures. Since every translation
    loses neighbours, the score compares translations with each other; it does not tell whether to translate at all.
    """
    return measures["frechet"] / sqrt(max(measures["neighbours"], 1 / SAMPLE))


def draw_sample(images: Tensor, generator: torch.Generator) -> Tensor:
    """Draw at most `SAMPLE` of the images (or of their rows), the same ones on every device."""
    chosen = torch.randperm(len(images), generator=generator)[:SAMPLE].sort().values
    return images[chosen.to(images.device)]


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Return the squared Frechet distance of the Gaussians fitted to features [N, D] and [M, D].

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), with means m and covariances C. With centred features A and B over
    sqrt(N - 1) and sqrt(M - 1), the eigenvalues of C1 C2 = A'A B'B are the squared singular values of the N x M matrix
    AB', so no D x D root is needed, and fewer images than dimensions need no regularisation. With so few images, two
    samples of one distribution are far from each other, so distances can only be compared between samples of one size.
    """
    means, spreads = [], []
    for features in (first.cpu().double(), second.cpu().double()):
        means.append(features.mean(0))
        spreads.append((features - means[-1]) / (len(features) - 1) ** 0.5)
    own = spreads[0].square().sum() + spreads[1].square().sum()
    shared = torch.linalg.svdvals(spreads[0] @ spreads[1].T).sum()
    return ((means[0] - means[1]).square().sum() + own - 2 * shared).item()


def common_neighbours(first: Tensor, second: Tensor, count: int) -> float:
    """Return the share of the `count` nearest neighbours by cosine that images have in common in two features [N, D].

    If there are no more than `count` other images, all are neighbours, and the share is 1.
    """
    count = min(count, len(first) - 1)
    nearest = []
    for features in (first, second):
        unit = functional.normalize(features)
        similarity = (unit @ unit.T).fill_diagonal_(-torch.inf)
        chosen = similarity.topk(count).indices
        nearest.append(torch.zeros_like(similarity).scatter_(1, chosen, 1.0))
    return (nearest[0] * nearest[1]).sum().item() / (len(first) * count)


def mean_entropy(logits: Tensor) -> float:
    """Return the mean entropy, in nats, of the distributions with logits [N, K]."""
    return torch.special.entr(logits.float().softmax(1)).sum(1).mean().item()
