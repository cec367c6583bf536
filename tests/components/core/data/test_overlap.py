"""Source and target that show the same people are refused unless asked for."""

import pandas as pd
import pytest

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.manifest_tables import ROLE_COLUMNS, empty_table
from simpgan.components.core.data.overlap import refuse_shared_people
from simpgan.components.core.errors import UserError


def manifest(dataset: str, digests: list[str]) -> Manifest:
    """One image for each digest of an image's bytes."""
    images = pd.DataFrame({"name": [f"{row:03}.jpg" for row in range(len(digests))], "sha256": digests})
    images = images.assign(shard="s", position=0, width=64, height=128, person=1, camera=1, time=pd.NA)
    return Manifest(dataset, images, empty_table(ROLE_COLUMNS))


def test_different_data_sets_without_a_common_image_pass() -> None:
    refuse_shared_people(manifest("one", ["0a", "0b"]), manifest("other", ["0c"]), allowed=False)


def test_one_common_image_is_enough_to_refuse_whatever_the_names() -> None:
    with pytest.raises(UserError, match=r"one and the target other .* share 1 images, such as 001\.jpg") as refused:
        refuse_shared_people(manifest("one", ["0a", "0b"]), manifest("other", ["0c", "0b"]), allowed=False)
    assert "\n" not in str(refused.value)


def test_the_same_data_set_is_refused_even_where_no_image_is_common() -> None:
    with pytest.raises(UserError, match=r"both one, .*allow_shared_people=true"):
        refuse_shared_people(manifest("one", ["0a"]), manifest("one", ["0b"]), allowed=False)


def test_both_are_allowed_when_asked_for() -> None:
    refuse_shared_people(manifest("one", ["0a"]), manifest("one", ["0a"]), allowed=True)
