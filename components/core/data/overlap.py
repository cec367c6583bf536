"""Check whether two data sets show the same people."""

import numpy as np

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError


def refuse_shared_people(source: Manifest, target: Manifest, allowed: bool) -> None:
    """Stop if a transfer would be measured on people whom the classifier was trained on.

    Two data sets are taken to show the same people if they have the same name, or share an image, byte for byte. Other
    images of the same people cannot be recognised from the manifests. A source that was joined from several data sets
    shows the people of each.

    Args:
        source: manifest of the source.
        target: manifest of the target.
        allowed: the setting `allow_shared_people`; if True, nothing is refused.

    Raises:
        UserError: they show the same people.
    """
    if allowed:
        return
    remedy = "take another target, or allow it by allow_shared_people=true"
    if source.dataset == target.dataset:
        raise UserError(f"source and target are both {source.dataset}, so they show the same people: {remedy}")
    if target.dataset in source.parts:
        raise UserError(
            f"the target {target.dataset} is part of the source {source.dataset}, so they show the same people: "
            f"leave it out of the source, {remedy}"
        )
    shared = np.intersect1d(source.images["sha256"], target.images["sha256"])
    if len(shared):
        names = target.images.loc[target.images["sha256"].isin(shared), "name"]
        raise UserError(
            f"the source {source.dataset} and the target {target.dataset} show the same people: they share "
            f"{len(shared)} images, such as {names.iloc[0]}: {remedy}"
        )
