"""Numbers and names of the people and cameras in a table."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.core.data.manifest_tables import NAMED
from simpgan.components.ingest.tables.rows import Ids

LARGEST = 2**63 - 1

Array: TypeAlias = pd.api.extensions.ExtensionArray


def with_ids(images: pd.DataFrame, ids: Mapping[str, Ids]) -> pd.DataFrame:
    """Return images with numbers and names of people and cameras in place of codes."""
    columns: dict[str, Array] = {}
    for label in NAMED:
        columns[label], columns[f"{label}_name"] = numbers_and_names(images[label].to_numpy(), ids[label].texts)
    return images.assign(**columns)


def numbers_and_names(codes: NDArray[np.int32], texts: Sequence[str]) -> tuple[Array, Array]:
    """Return numbers (<NA>: unknown) and names of ids, the names as categories.

    If all ids are written as whole numbers, they are these numbers, and have no names. Else they are numbered from 1 in
    the order of their names.

    Args:
        codes: [N], -1: unknown.
        texts: text of each code.
    """
    used = [int(code) for code in np.unique(codes) if code >= 0]
    numbers, places = np.zeros(len(texts) + 1, dtype=np.int64), np.zeros(len(texts) + 1, dtype=np.int32)
    names = [""]
    if all(map(is_number, (texts[code] for code in used))):
        numbers[used] = [int(texts[code]) for code in used]
    else:
        used.sort(key=texts.__getitem__)
        numbers[used] = places[used] = np.arange(1, len(used) + 1)
        names += [texts[code] for code in used]
    of_images = pd.array(numbers[codes], dtype="Int64")
    of_images[codes < 0] = pd.NA
    return of_images, pd.Categorical.from_codes(places[codes], names)


def is_number(text: str) -> bool:
    """Tell whether a text is a whole number as it is usually written, which fits into a manifest."""
    usual = text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")
    return usual and len(text) <= len(str(LARGEST)) and int(text) <= LARGEST
