"""The losses of the paper's section 4.3.

A batch holds P pairs as 2P images, first the first ones, then the second ones. The paper sums over the two images of
a pair; over pairs, pixels and patches these are means, so a sum over a pair is twice the mean over the batch.
"""

from torch import Tensor
from torch.nn import functional

from simpgan.components.core.models.classifier import SiameseClassifier


def generator_adversarial(judged_fakes: Tensor) -> Tensor:
    """Eq. 6 and 8: sum over a pair of (D(fake) - 1)^2, of patch maps [2P, 1, h, w]."""
    return 2 * (judged_fakes.float() - 1).square().mean()


def discriminator_adversarial(judged_fakes: Tensor, judged_reals: Tensor) -> Tensor:
    """Eq. 7 and 9: sum over a pair of D(fake)^2 + (D(real) - 1)^2.

    The real image is of the domain that D judges; as printed, the equations show it one of the other domain.
    """
    return 2 * (judged_fakes.float().square().mean() + (judged_reals.float() - 1).square().mean())


def cycle_consistency(reconstructed: Tensor, images: Tensor) -> Tensor:
    """One domain's half of L_cycle: sum over a pair of |reconstructed - images|, a mean over pixels."""
    return 2 * (reconstructed.float() - images).abs().mean()


def similarity(classifier: SiameseClassifier, reconstructed: Tensor, same: Tensor) -> Tensor:
    """Eq. 10: the verification loss (Eq. 2) of reconstructed source pairs [2P, 3, H, W], with q = `same` [P]."""
    return verification(classifier, classifier(reconstructed), same)


def verification(classifier: SiameseClassifier, embedding: Tensor, same: Tensor) -> Tensor:
    """Eq. 2 of pairs of embeddings [2P, D], with q = `same` [P]."""
    logits = classifier.verification_logit(*embedding.chunk(2))
    return functional.binary_cross_entropy_with_logits(logits.float(), same)
