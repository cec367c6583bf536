"""Companions: further classifiers, each of another training, whose features are joined with those of a first one."""

from collections.abc import Sequence
from pathlib import Path

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.model_folder import model_digest, read_config


def companions_in(folder: Path) -> list[Path]:
    """Return the folders of the companions of an adaptation, in their order; each has a classifier and its source.

    Args:
        folder: the part `companions` of an adaptation, with folders 0, 1 and so on; it may be missing.
    """
    return sorted((place.parent for place in folder.glob("*/classifier")), key=lambda place: int(place.name))


def variant_of(companions: Sequence[Path]) -> str:
    """Return the variant of the rows of joined features: the sources of the companions, as `with cuhk01`."""
    return f"with {' and '.join(read_config(companion)['source'] for companion in companions)}"


def refuse_unfit(classifier: Path, companions: Sequence[Path]) -> None:
    """Raise UserError for companions whose features cannot be joined with those of a classifier.

    Args:
        classifier: model folder of the classifier.
        companions: model folders of its companions.
    """
    shape = shape_of(classifier)
    seen = {model_digest(classifier)}
    for companion in companions:
        own = shape_of(companion)
        if "adaptation" in read_config(companion):
            raise UserError(
                f"the companion '{companion}' was trained for one split of a target: give one that was trained on a "
                "source as recorded"
            )
        if own != shape:
            raise UserError(
                f"the companion '{companion}' looks at images of {own}, and the classifier at {shape}: "
                "train both with the same pretrain.height and pretrain.width"
            )
        digest = model_digest(companion)
        if digest in seen:
            raise UserError(f"the companion '{companion}' is given twice, or is the classifier itself: leave it out")
        seen.add(digest)


def shape_of(classifier: Path) -> str:
    """Return the size of the images that a classifier looks at, in words.

    Raises:
        UserError: the folder holds no classifier.
    """
    config = read_config(classifier)
    if "classifier" not in config:
        raise UserError(f"the model in '{classifier}' is not a classifier; give the folder the pretrain stage wrote")
    return f"{config['classifier']['height']}x{config['classifier']['width']} pixels"


def sources_of(companions: Sequence[Path], sources: Sequence[Path]) -> list[Path]:
    """Return the manifest that each companion was trained on.

    Args:
        companions: model folders.
        sources: folders of manifests, in any order.

    Raises:
        UserError: the manifest of a companion is missing, or none was trained on one of them.
    """
    by_digest = {Manifest.load(source).digest: source for source in sources}
    trained_on = [read_config(companion) for companion in companions]
    for companion, config in zip(companions, trained_on, strict=True):
        if config["inputs"].get("source") not in by_digest:
            raise UserError(
                f"the companion '{companion}' was trained on {config['source']}, whose manifest is not given: "
                "whom it knows cannot be compared with the target; give its source too"
            )
    for digest, source in by_digest.items():
        if digest not in [config["inputs"]["source"] for config in trained_on]:
            raise UserError(f"no companion was trained on the manifest in '{source}': leave it out")
    return [by_digest[config["inputs"]["source"]] for config in trained_on]
