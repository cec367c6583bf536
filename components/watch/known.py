"""The images that a model in use was trained on, or is about to be: from the registry, without its networks."""

from pathlib import Path
from tempfile import TemporaryDirectory

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.registry.continuation import PROTOCOL, RETRAINED, learns_from_clusters, translator_of
from simpgan.components.core.registry.model_registry import CANDIDATE, CHAMPION, ModelRegistry
from simpgan.components.core.results.methods import CAMERA_ADABN, JOINED, SELF_TRAINING, joins, with_part


def fetch_known(model: str, method: str, location: str, output: Path) -> Manifest:
    """Fetch the manifest with which new images are compared and to which they are added.

    It is the candidate's if there is a candidate for the champion's cameras: its images wait for a promotion and need
    not be trained on again every night. Otherwise it is the champion's.

    Args:
        model: name of the registered model.
        method: method that continues from the champion; a translating one needs a champion that translates,
            self-training one that is self-trained or changes nothing but statistics, one of joined features a champion
            of such, and another one that trains nothing a champion that changes nothing but statistics.
        location: location of the images, for messages.
        output: folder for the manifest.

    Raises:
        UserError: there is no champion, or none that can be continued with this method and layout.
    """
    registry = ModelRegistry(model)
    champion, candidate = registry.find(CHAMPION), registry.find(CANDIDATE)
    if champion is None:
        raise UserError(
            f"MLflow has no champion of '{model}' to continue from: use simpgan run adapt --target cameras:{location}, "
            "then simpgan propose and simpgan promote"
        )
    with TemporaryDirectory() as place:
        description = registry.fetch_target(champion, Path(place, "champion"))
        known = Manifest.load(Path(place, "champion", "target"))
        if known.source_protocol != PROTOCOL:
            raise UserError(
                f"{champion} is adapted to {known.dataset}, which is no folder of cameras: use simpgan run adapt "
                f"--target cameras:{location} once, and promote the result"
            )
        if translator_of(method) and not description.translates:
            raise UserError(
                f"{champion} is {description.method}, which has no translator to continue from: give --method "
                f"{CAMERA_ADABN}, or promote an adaptation by {method}"
            )
        goes_on_from = (
            ("direct", SELF_TRAINING) if learns_from_clusters(method) else ("direct", with_part("direct", JOINED))
        )
        if not translator_of(method) and description.base not in goes_on_from:
            other = f"give --method {description.base}, or " if description.base in RETRAINED else ""
            raise UserError(
                f"{champion} is {description.method}, and {method} does not go on from that: {other}"
                f"promote an adaptation by {method}"
            )
        if joins(method) and not description.joins:
            raise UserError(
                f"{champion} is {description.method}, the features of a single classifier: give --method "
                f"{description.statistics or CAMERA_ADABN}, or promote an adaptation by {method}"
            )
        if candidate:
            registry.fetch_target(candidate, Path(place, "candidate"))
            waiting = Manifest.load(Path(place, "candidate", "target"))
            if (waiting.dataset, waiting.source_protocol) == (known.dataset, PROTOCOL):
                known = waiting
    known.save(output)
    return known
