"""The cameras of two manifests are compared by their names, or by their numbers."""

import numpy as np
import pandas as pd
import pytest

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.drift.cameras import Networks
from simpgan.components.ingest.layouts.base import role


def manifest(cameras: list[int | None], names: list[str] | None = None, dataset: str = "station") -> Manifest:
    """One image of each of the cameras; no two manifests share one."""
    rows = np.arange(len(cameras))
    images = pd.DataFrame({"name": [f"{row}.jpg" for row in rows], "shard": "s", "position": rows})
    images = images.assign(sha256=[f"{dataset}{names}{row}" for row in rows], width=64, height=128, time=None)
    images = images.assign(person=None, camera=cameras, camera_name=names or "")
    return Manifest(dataset, images, role("cameras", 0, "train", np.ones(len(rows), bool)))


def test_a_camera_keeps_its_name_when_others_come_and_go() -> None:
    before = manifest([1, 2], ["gate", "hall"])
    since = manifest([1, 2, 3], ["cellar", "gate", "hall"], "airport")
    networks = Networks.from_manifests(before, since)
    assert {name: rows.tolist() for name, rows in networks.reference.items()} == {"gate": [0], "hall": [1]}
    assert {name: rows.tolist() for name, rows in networks.new.items()} == {"cellar": [0], "gate": [1], "hall": [2]}


def test_a_numbered_camera_is_no_camera_with_that_number_for_a_name() -> None:
    numbered, named = manifest([1, None]), manifest([1, 2], ["1", "2"])
    networks = Networks.from_manifests(numbered, named)
    assert networks.reference.keys() == {"camera 1", "unknown camera"}
    assert networks.new.keys() == {"1", "2"}
    with pytest.raises(UserError, match=r"in both station \(camera 1, unknown camera\) and airport \(1\)"):
        Networks.from_manifests(numbered, manifest([1], ["1"], "airport"))
