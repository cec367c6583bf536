"""Losses of the siamese classifier (paper Eq. 1 to 5), and the batch-hard triplet loss."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from simpgan.components.core.models.classifier import SiameseClassifier
from simpgan.components.core.training.distributed import gather, own_share, process_count
from simpgan.components.pretrain.settings import PretrainSettings


class ClassifierLosses(nn.Module):
    """Computes the losses from images, in one process or several.

    The backbone sees this process's share of the batch. Its features are gathered in all processes, each of which
    computes everything behind the backbone on the joint batch: neck, heads and hardest triplets are those of one
    process. Only the backbone's batch statistics are those of a share (unless it has SyncBatchNorm, as on GPUs), and
    MixStyle mixes within a share.
    """

    def __init__(self, classifier: SiameseClassifier, settings: PretrainSettings) -> None:
        super().__init__()
        self.classifier = classifier
        self.settings = settings

    def forward(self, images: Tensor, identity: Tensor, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        """Return losses and the accuracy of the identity head, by the name under which they are recorded.

        Args:
            images: this process's share of the joint batch, [N / processes, 3, H, W] in [-1, 1].
            identity: class of every image of the joint batch, [N].
            first: place of each pair's first image in the joint batch, [M].
            second: place of each pair's second image, [M].
        """
        classifier, settings = self.classifier, self.settings
        pooled = gather_shares(classifier.pooled(images).float())
        embedding = classifier.neck(pooled)
        logits = classifier.identity_logits(embedding).float()
        match = classifier.verification_logit(embedding[first], embedding[second]).float()
        losses = {
            # Eq. 4 sums over the two images of a pair, Eq. 2 has one term per pair; both are means over pairs.
            "loss/identification": 2
            * functional.cross_entropy(logits, identity, label_smoothing=settings.label_smoothing),
            "loss/verification": functional.binary_cross_entropy_with_logits(
                match, (identity[first] == identity[second]).float()
            ),
            "train/identity_accuracy": (logits.argmax(1) == identity).float().mean(),
        }
        if settings.triplet_weight:
            losses["loss/triplet"] = batch_hard_triplet(pooled, identity, settings.triplet_margin)
        return losses


def batch_hard_triplet(features: Tensor, identity: Tensor, margin: float) -> Tensor:
    """Return the batch-hard triplet loss (Hermans et al. 2017), a scalar.

    It is the mean over images of max(0, margin + distance to the farthest positive - distance to the nearest negative),
    with Euclidean distances.

    Args:
        features: [N, D].
        identity: [N], with several images of each identity.
        margin: by how much the nearest negative should be farther than the farthest positive.
    """
    distance = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")
    same = identity[:, None] == identity[None, :]
    farthest_positive = distance.masked_fill(~same, 0).amax(1)
    nearest_negative = distance.masked_fill(same, torch.inf).amin(1)
    return functional.relu(margin + farthest_positive - nearest_negative).mean()


def gather_shares(own: Tensor) -> Tensor:
    """Gather the shares [N / processes, D] of all processes to one batch [N, D], with gradients."""
    return JointBatch.apply(own) if process_count() > 1 else own


class JointBatch(torch.autograd.Function):
    """Concatenates shares over the processes, for losses that every process computes on the whole batch.

    All processes then have the same gradient of the batch. Each passes on its own share of it, multiplied by the number
    of processes, because DistributedDataParallel divides by it.
    """

    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, own: Tensor) -> Tensor:
        """Concatenate the shares of all processes."""
        return gather(own).flatten(0, 1)

    @staticmethod
    def backward(context: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        """Return the gradient of this process's share."""
        return gradient[own_share(len(gradient))] * process_count()
