"""A model as a folder: model.safetensors, and config.json with what is needed to build it and its origin."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from simpgan.components.core.damaged_files import named_damage, read_json
from simpgan.components.core.errors import UserError

MODEL_FILES = ("config.json", "model.safetensors")
REMEDY = "train it again, or bring the folder back as it was written"

Network = TypeVar("Network", bound=nn.Module)


class _Config(BaseModel):
    """The common part of every model's config."""

    settings: dict[str, Any] = {}
    inputs: dict[str, str] = {}
    classifier: dict[str, Any] | None = None
    generator: dict[str, Any] | None = None
    adaptation: dict[str, Any] | None = None


def save_model(folder: Path, networks: Mapping[str, nn.Module], config: Mapping[str, Any]) -> None:
    """Write the weights of `networks` (name to module) and `config` (JSON types) to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{name}.{parameter}": value.detach().cpu().contiguous()
        for name, network in networks.items()
        for parameter, value in network.state_dict().items()
    }
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def read_config(folder: Path) -> dict[str, Any]:
    """Read the config.json of a model folder.

    Raises:
        UserError: `folder` holds no model, or the file is damaged.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise UserError(f"no model in '{folder}': it has no config.json; give the folder a training stage wrote")
    config = read_json(path, REMEDY)
    with named_damage(path, REMEDY):
        _Config.model_validate(config)
    return config


def build_network(folder: Path, build: Callable[[], Network]) -> Network:
    """Call `build`, which builds a network from the config of a model folder.

    Raises:
        UserError: the config does not describe a network.
    """
    with named_damage(folder / "config.json", REMEDY):
        try:
            return build()
        except UserError as unfit:  # of a setting, which is none of the person's own here
            raise ValueError(str(unfit)) from None


def model_digest(folder: Path) -> str:
    """Return the sha256 (hex) of a model folder's weights and config."""
    content = hashlib.sha256()
    for name in MODEL_FILES:
        with (folder / name).open("rb") as file:
            content.update(hashlib.file_digest(file, "sha256").digest())
    return content.hexdigest()


def load_network(folder: Path, name: str, network: nn.Module) -> nn.Module:
    """Load the weights of `name` in a model folder into `network`, exactly.

    Raises:
        UserError: they cannot be read, or belong to another network.
    """
    path = folder / "model.safetensors"
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as failure:
        raise UserError(f"cannot read the weights in '{folder}': {failure}: {REMEDY}") from None
    prefix = f"{name}."
    state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    if not state:
        raise UserError(f"the model in '{folder}' has no {name}: {REMEDY}")
    load_state(network, state, path)
    return network


def load_state(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Load all of the `state` that was read from `path` into `network`.

    Raises:
        UserError: it belongs to another network, or a number in it is not finite.
    """
    check_state(network.state_dict(), state, path)
    network.load_state_dict(state)


def check_state(own: Mapping[str, Tensor], state: Mapping[str, Tensor], path: Path) -> None:
    """Raise UserError unless the `state` read from `path` fits a network's `own`, and all its numbers are finite."""
    for name in sorted(own.keys() | state.keys()):
        if name not in state or name not in own or state[name].shape != own[name].shape:
            what = f"its '{name}' does not fit the config beside it"
        elif not state[name].isfinite().all():
            what = f"its '{name}' holds numbers that are not finite"
        else:
            continue
        raise UserError(f"{path} is damaged or of another model ({what}): {REMEDY}")
