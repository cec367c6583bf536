"""Start a training from an earlier translator."""

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from simpgan.components.core.errors import UserError
from simpgan.components.core.models.model_folder import load_network
from simpgan.components.core.models.translator import GeneratorConfig, load_translator


def warm_start(folder: Path, generator: GeneratorConfig, networks: Mapping[str, nn.Module]) -> None:
    """Load the weights of a translator into the networks f, g, d_source and d_target.

    Optimisers, pools and averages start from the beginning: their content belongs to other images.

    Args:
        folder: model folder that train_gan wrote.
        generator: shape of f and g.
        networks: the networks by name.

    Raises:
        UserError: `folder` holds no translator, one of another shape, or one without discriminators.
    """
    before, _ = load_translator(folder)
    shape, wanted = before.config.model_dump(), generator.model_dump()
    different = [f"train_gan.{name}={value}" for name, value in shape.items() if wanted[name] != value]
    if different:
        raise UserError(
            f"the translator in '{folder}' has another shape than the one to be trained: set {', '.join(different)}"
        )
    for name, network in networks.items():
        load_network(folder, name, network)
