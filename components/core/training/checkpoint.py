"""Checkpoints of a training under the data root: one safetensors file, written whole or not at all."""

import fcntl
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from simpgan.components.core import storage
from simpgan.components.core.damaged_files import named_damage
from simpgan.components.core.errors import UserError
from simpgan.components.core.training.distributed import is_first

logger = logging.getLogger(__name__)

CHECKPOINTS = "SIMPGAN_CHECKPOINTS"
"""Environment variable that overrides the checkpoint folder.

A rerun uses its own folder, so that it starts from step 0 and does not touch the checkpoints of the original, which may
still be running.
"""


def checkpoint_key(stage: str, settings: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Name a training's checkpoint by `stage` and the digest of its settings and of its inputs' digests."""
    content = json.dumps([stage, settings, inputs], sort_keys=True)
    return f"{stage}-{hashlib.sha256(content.encode()).hexdigest()[:32]}"


class Checkpoint:
    """The place where one training keeps its state, nested dicts and lists of tensors and JSON values.

    It is the folder `checkpoints` under the data root, or the one that `SIMPGAN_CHECKPOINTS` names. Beside the state
    lies the history of its metrics, in the local file `history`.
    """

    def __init__(self, data_root: str, key: str) -> None:
        place = storage.named_by(CHECKPOINTS, s3=True) or storage.join(data_root, "checkpoints")
        self.location = storage.join(place, f"{key}.safetensors")
        self.history_location = storage.join(place, f"{key}.jsonl")
        self.remote = storage.is_s3(place)
        folder = storage.cache_folder() / "checkpoints" if self.remote else Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        self.history = folder / f"{key}.jsonl"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock this training against other processes on the same disks in this block: two would write one history.

        A second process waits, and then finds the work done. In an object store no lock is needed: each machine has its
        own history there, and every saved checkpoint is valid.
        """
        if not is_first():
            yield
            return
        with self.history.with_suffix(".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.info("another run does the same training: waiting for its end")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def load(self) -> dict[str, Any] | None:
        """Return the state saved last; None if there is none.

        Raises:
            UserError: the file is damaged.
        """
        if not storage.exists(self.location):
            return None
        if self.remote and is_first():
            self.history.write_bytes(storage.read_bytes(self.history_location))
        content = storage.read_bytes(self.location)
        with named_damage(f"the checkpoint {self.location}", "delete it, and the training starts again from step 0"):
            length = int.from_bytes(content[:8], "little")
            header = json.loads(content[8 : 8 + length])
            return unpack(json.loads(header["__metadata__"]["state"]), load(content))

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the saved state. The history is written first, so it always reaches as far as the state.

        Raises:
            UserError: a number in the state is not finite; the previous state stays.
        """
        tensors: dict[str, Tensor] = {}
        outline = pack(state, tensors)
        if not all(tensor.isfinite().all() for tensor in tensors.values()):
            raise UserError(
                "the weights are no longer finite numbers; the last good checkpoint is kept: "
                "set precision=fp32, or lower the learning rate"
            )
        if self.remote:
            storage.write_bytes(self.history_location, self.history.read_bytes())
        storage.write_bytes(self.location, save(tensors, metadata={"state": json.dumps(outline)}))


def pack(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return `value` as JSON; its tensors are moved to `tensors` and named by their order."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(value, Mapping):  # pairs: an optimiser's state has integer keys, which JSON has not
        return {"items": [[key, pack(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [pack(item, tensors) for item in value]
    return value


def unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Invert `pack`; tuples come back as lists."""
    if isinstance(value, list):
        return [unpack(item, tensors) for item in value]
    if isinstance(value, dict):
        if "tensor" in value:
            return tensors[value["tensor"]]
        return {key: unpack(item, tensors) for key, item in value["items"]}
    return value
