"""Losses of the paper's section 4.3.

A batch holds P pairs as 2P images: the first images of all pairs, then the second ones. The paper sums over the two
images of a pair. Over pairs, pixels and patches these are means, so a sum over a pair is twice the mean over the batch.
"""

from torch import Tensor
from torch.nn import functional

from simpgan.components.core.models.classifier import SiameseClassifier


def generator_adversarial(judged_fakes: Tensor) -> Tensor:
    """Return the adversarial loss of a generator (Eq. 6 and 8), a scalar: the sum over a pair of (D(fake) - 1)^2.

    Args:
        judged_fakes: patch maps D(fake) [2P, 1, h, w].
    """
    return 2 * (judged_fakes.float() - 1).square().mean()


def discriminator_adversarial(judged_fakes: Tensor, judged_reals: Tensor) -> Tensor:
    """Return the loss of a discriminator (Eq. 7 and 9), a scalar: the sum over a pair of D(fake)^2 + (D(real) - 1)^2.

    The real image is of the domain that D judges. As printed, the equations give D an image of the other domain.

    Args:
        judged_fakes: patch maps D(fake) [2P, 1, h, w].
        judged_reals: patch maps D(real) [2P, 1, h, w].
    """
    return 2 * (judged_fakes.float().square().mean() + (judged_reals.float() - 1).square().mean())


def cycle_consistency(reconstructed: Tensor, images: Tensor) -> Tensor:
    """Return one domain's half of L_cycle, a scalar: sum over a pair of |reconstructed - images|, mean over pixels."""
    return 2 * (reconstructed.float() - images).abs().mean()


def similarity(classifier: SiameseClassifier, reconstructed: Tensor, same: Tensor) -> Tensor:
    """Return the similarity loss (Eq. 10), a scalar: the verification loss of reconstructed source pairs.

    Args:
        classifier: frozen classifier that judges.
        reconstructed: F(G(I_S)) [2P, 3, H, W] in [-1, 1].
        same: q [P], 1 if a pair shows one person, else 0.
    """
    return verification(classifier, classifier(reconstructed), same)


def verification(classifier: SiameseClassifier, embedding: Tensor, same: Tensor) -> Tensor:
    """Return the verification loss (Eq. 2), a scalar, of pairs of embeddings [2P, D], with q = `same` [P]."""
    logits = classifier.verification_logit(*embedding.chunk(2))
    return functional.binary_cross_entropy_with_logits(logits.float(), same)
