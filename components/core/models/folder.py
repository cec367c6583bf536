"""A model as a folder: model.safetensors, and config.json with what is needed to build it and where it came from."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from components.core.runtime.errors import UserError

MODEL_FILES = ("config.json", "model.safetensors")


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
    """The config.json of a model folder.

    Raises:
        UserError: `folder` holds no model.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise UserError(f"no model in '{folder}': it has no config.json; give the folder a training stage wrote")
    return json.loads(path.read_text())


def model_digest(folder: Path) -> str:
    """sha256 over a model folder's weights and config."""
    content = hashlib.sha256()
    for name in MODEL_FILES:
        with (folder / name).open("rb") as file:
            content.update(hashlib.file_digest(file, "sha256").digest())
    return content.hexdigest()


def load_network(folder: Path, name: str, network: nn.Module) -> nn.Module:
    """Put the weights of `name` in a model folder into `network`, exactly."""
    try:
        tensors = load_file(folder / "model.safetensors")
    except (OSError, SafetensorError) as failure:
        raise UserError(f"cannot read the weights in '{folder}': {failure}") from None
    prefix = f"{name}."
    state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    network.load_state_dict(state)
    return network
