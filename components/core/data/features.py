"""Retrieval features of a data set's images as a folder: features.safetensors, and features.json for their origin."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel
from safetensors.numpy import load_file, save

from simpgan.components.core import storage
from simpgan.components.core.damaged_files import named_damage, read_json
from simpgan.components.core.errors import UserError

FILES = ("features.json", "features.safetensors")
REMEDY = "make them again by umdl"


class _Description(BaseModel):
    method: str
    protocol: str
    fold: int
    seed: int
    steps: int
    target: str


class Features(NamedTuple):
    """Features of some images of a manifest, compared by cosine.

    Attributes:
        rows: [N] int64, rows of the manifest's images, ascending.
        features: [N, D] float32, of any length.
        description: method, protocol, fold, seed, steps, target (the manifest's digest).
    """

    rows: np.ndarray
    features: np.ndarray
    description: dict[str, Any]

    def select(self, rows: np.ndarray) -> np.ndarray:
        """Return the features [M, D] of some of the rows.

        Raises:
            UserError: one of the rows has no features.
        """
        missing = np.setdiff1d(rows, self.rows)
        if len(missing):
            raise UserError(
                f"the features of {self.description['method']} lack {len(missing)} of the images of protocol "
                f"'{self.description['protocol']}', fold {self.description['fold']}: make them again"
            )
        return self.features[np.searchsorted(self.rows, rows)]


def save_features(folder: Path, rows: np.ndarray, features: np.ndarray, description: Mapping[str, Any]) -> None:
    """Write features to `folder`; its features.json is written last and completes them.

    Args:
        folder: created if missing.
        rows: [N] int64, ascending.
        features: [N, D] float32.
        description: JSON types; see `Features`.

    Raises:
        ValueError: rows are not ascending, are not as many as features, or a feature is not a finite number.
        UserError: `folder` cannot be written.
    """
    refuse_unfit(rows, features)
    tensors: dict[str, np.ndarray] = {
        "rows": np.ascontiguousarray(rows, dtype=np.int64),
        "features": np.ascontiguousarray(features, dtype=np.float32),
    }
    storage.write_bytes(str(folder / "features.safetensors"), save(tensors))
    text = json.dumps(dict(description), indent=2, sort_keys=True) + "\n"
    storage.write_bytes(str(folder / "features.json"), text.encode())


def refuse_unfit(rows: np.ndarray, features: np.ndarray) -> None:
    """Raise ValueError if `rows` are not ascending or not as many as `features`, or a feature is not finite."""
    if features.ndim != 2 or rows.shape != features.shape[:1] or (np.diff(rows) <= 0).any():
        raise ValueError(f"{rows.shape} rows, rising, were expected for features {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("a feature is not a finite number")


def load_features(folder: Path) -> Features:
    """Read what `save_features` wrote.

    Raises:
        UserError: `folder` holds no features, or they are damaged.
    """
    for name in FILES:
        if not (folder / name).is_file():
            raise UserError(f"no features in '{folder}': it has no {name}; give the folder that umdl wrote")
    try:
        description = read_json(folder / "features.json", REMEDY)
        with named_damage(folder / "features.json", REMEDY):
            _Description.model_validate(description)
        with named_damage(folder / "features.safetensors", REMEDY):
            tensors = load_file(folder / "features.safetensors")
            rows, features = tensors["rows"], tensors["features"]
            refuse_unfit(rows, features)
    except UserError as damage:
        raise UserError(f"the features in '{folder}' are damaged: {damage}") from None
    return Features(rows, features, description)


def features_digest(folder: Path) -> str:
    """Return the sha256 (hex) of features and description."""
    content = hashlib.sha256()
    for name in FILES:
        with (folder / name).open("rb") as file:
            content.update(hashlib.file_digest(file, "sha256").digest())
    return content.hexdigest()
