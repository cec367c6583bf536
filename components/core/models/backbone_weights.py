"""Initial weights of the classifier's backbone: torchvision's by name, a file by path, or none."""

from collections.abc import Mapping
from typing import Literal
from urllib.error import URLError

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError

NAMED = ("imagenet", "none")


def check_content(weights: str, sha256: str) -> None:
    """Raise UserError if `weights` is a file with another SHA-256 (hex) than `sha256`; '' allows any."""
    if sha256 and weights not in NAMED and storage.digest(weights) != sha256:
        raise UserError(
            f"pretrain.weights: '{weights}' has changed: it no longer holds what pretrain.weights_sha256 says; "
            "bring the file back, or set pretrain.weights_sha256 to ''"
        )


def downsample_at(weights: str) -> Literal["1x1", "3x3"]:
    """Return which convolution of a bottleneck has the stride in `weights` (a name, a location or 'none').

    Caffe and Keras published ResNet-50 with the stride on the first 1x1 convolution, torchvision has it on the 3x3. The
    shapes are the same, so only the file's header (`strides`) can tell.
    """
    if weights in NAMED:
        return "3x3"
    with open_weights(weights) as file:
        strides = (file.metadata() or {}).get("strides", "")
    return "1x1" if "1x1" in strides else "3x3"


def load_backbone(backbone: nn.Module, architecture: str, weights: str) -> None:
    """Load `weights` into `backbone` in place.

    Raises:
        UserError: no such file, a file of another architecture, or no internet for torchvision's weights.
    """
    if weights == "none":
        return
    state = torchvision_weights(architecture) if weights == "imagenet" else read_weights(weights)
    own = backbone.state_dict()
    state = split_normalisation({name: tensor for name, tensor in state.items() if not name.startswith("fc.")}, own)
    missing = sorted(own.keys() - state.keys())
    other = [name for name in own.keys() & state.keys() if own[name].numel() != state[name].numel()]
    if missing or other or state.keys() - own.keys():
        what = f"it lacks '{missing[0]}'" if missing else f"{len(other) or 'some'} tensors have another shape"
        raise UserError(
            f"weights '{weights}' are not those of a {architecture}: {what}; "
            "give the weights of that network or set pretrain.backbone to match"
        )
    backbone.load_state_dict({name: state[name].reshape(own[name].shape).to(own[name].dtype) for name in own})


def split_normalisation(state: dict[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Split the batch normalisation of a plain network's `state` in two where the backbone has both kinds (IBN-a)."""
    state = dict(state)
    for name in own:
        module, _, parameter = name.rpartition(".")
        if not module.endswith(".BN"):
            continue
        whole = f"{module.removesuffix('.BN')}.{parameter}"
        if whole not in state:
            continue
        values = state.pop(whole)
        state[name] = values[len(values) // 2 :] if values.ndim else values
        if parameter in ("weight", "bias"):
            state[f"{module.removesuffix('.BN')}.IN.{parameter}"] = values[: len(values) // 2]
    return state


def torchvision_weights(architecture: str) -> dict[str, Tensor]:
    """Load ImageNet weights by name, which torchvision downloads once. No code in the file is run.

    Raises:
        UserError: they cannot be downloaded.
    """
    import torchvision

    network = torchvision.models.get_model(architecture)
    published = torchvision.models.get_model_weights(architecture)["IMAGENET1K_V1"]
    try:
        network.load_state_dict(published.get_state_dict(check_hash=True, weights_only=True))
    except (URLError, OSError) as failure:
        raise UserError(
            f"cannot download torchvision's ImageNet weights of {architecture} ({failure}); "
            "set pretrain.weights to the path of a .safetensors file, or to 'none'"
        ) from None
    return network.state_dict()


def read_weights(location: str) -> dict[str, Tensor]:
    """Read all tensors of a .safetensors file in float32."""
    with open_weights(location) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


def open_weights(location: str) -> safe_open:
    """Open a .safetensors file. Pickled checkpoints are refused: loading one can run its author's code.

    Raises:
        UserError: there is no such file, or it is not a .safetensors file.
    """
    if not storage.exists(location):
        raise UserError(f"no weights file '{location}': give 'imagenet', 'none' or the path of a .safetensors file")
    try:
        return safe_open(storage.current_copy(location), framework="pt")
    except SafetensorError as failure:
        raise UserError(f"weights file '{location}' is not a .safetensors file ({failure})") from None
