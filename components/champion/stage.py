"""Fetch the model in use, in the parts that stages take."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from simpgan.components.core.registry.description import Description
from simpgan.components.core.registry.model_registry import ModelRegistry, RegisteredVersion

NONE = "none.txt"


def run(model: str, which: str, outputs: Mapping[str, Path]) -> tuple[RegisteredVersion, Description]:
    """Fetch a version of a registered model, and write its parts.

    Args:
        model: name of the registered model.
        which: alias or number of the version.
        outputs: folder of each part: classifier, translator, source, target, companions. A part that the method does
            not have gets a text file, since an output must not be empty.

    Returns:
        the version and its description.

    Raises:
        UserError: MLflow does not answer, there is no such version, or its artifact is missing or damaged.
    """
    with TemporaryDirectory() as place:
        folder = Path(place, "adaptation")
        version = ModelRegistry(model).fetch(which, folder)
        description = Description.read(folder)
        for name, output in outputs.items():
            if (folder / name).is_dir():
                shutil.copytree(folder / name, output, dirs_exist_ok=True)
            else:
                output.mkdir(parents=True, exist_ok=True)
                (output / NONE).write_text(f"{version} has no {name}: its method is {description.method}\n")
    return version, description
