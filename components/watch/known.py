"""Which images a model in use has been trained on, or is about to be: from the registry, without its networks."""

from pathlib import Path
from tempfile import TemporaryDirectory

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.registry.model_registry import CANDIDATE, CHAMPION, Registry

PROTOCOL = "cameras"
ADABN = "adabn"


def fetch_known(model: str, method: str, location: str, output: Path) -> Manifest:
    """Write the manifest to `output` that new images are held against, and go into.

    It is that of the candidate, if there is one for the champion's cameras: its images wait for a promotion only, and
    need not be trained on again every night. Else it is the champion's.

    Args:
        model: name of the registered model.
        method: that is to go on from the champion; a translating one needs a champion that translates.
        location: of the images, for messages.

    Raises:
        UserError: there is no champion, or none to go on from with this method and layout.
    """
    registry = Registry(model)
    champion, candidate = registry.find(CHAMPION), registry.find(CANDIDATE)
    if champion is None:
        raise UserError(
            f"MLflow has no champion of '{model}', so that there is nothing to go on from: simpgan run adapt --target "
            f"cameras:{location}, then simpgan propose and simpgan promote"
        )
    with TemporaryDirectory() as place:
        description = registry.fetch_target(champion, Path(place, "champion"))
        known = Manifest.load(Path(place, "champion", "target"))
        if known.source_protocol != PROTOCOL:
            raise UserError(
                f"{champion} is adapted to {known.dataset}, which is no folder of cameras: simpgan run adapt --target "
                f"cameras:{location} once, and promote that"
            )
        if method != ADABN and not description.translates:
            raise UserError(
                f"{champion} is {description.method}, which has no translator to go on from: give --method adabn, or "
                f"promote an adaptation by {method}"
            )
        if candidate:
            registry.fetch_target(candidate, Path(place, "candidate"))
            waiting = Manifest.load(Path(place, "candidate", "target"))
            if (waiting.dataset, waiting.source_protocol) == (known.dataset, PROTOCOL):
                known = waiting
    known.save(output)
    return known
