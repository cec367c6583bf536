"""Store a gallery: compute its features part by part, so that what is there already is not computed again."""

import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from simpgan.components.core import storage
from simpgan.components.core.data.cameras import in_order
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.progress import Progress
from simpgan.components.core.registry.adaptation import Adaptation
from simpgan.components.search.features import BATCH, FORMAT
from simpgan.components.search.gallery import prepared
from simpgan.components.search.stored_gallery import (
    FEATURE,
    GALLERY,
    Part,
    StoredDescription,
    StoredGallery,
    part_location,
)

PART_BYTES = 128 * 2**20
"""Bytes of the features of a part: so much memory takes whoever writes or reads one."""

GROUP_BYTES = 4 * 2**20
"""Bytes of the features of a Parquet row group: readers of a few rows decode no more."""


def store_gallery(
    location: str, manifest: Manifest, adaptation: Adaptation, data_root: str, *, part_bytes: int = PART_BYTES
) -> StoredGallery:
    """Write images and features of a manifest to a folder or `s3://` prefix; its gallery.json is written last.

    Parts that are there already are not computed again: after an interruption, or if only some images are new.

    Args:
        location: folder or `s3://` prefix.
        manifest: the images.
        adaptation: the model that looks at them.
        data_root: folder or `s3://` prefix that holds their shards.
        part_bytes: bytes of the features of a part.

    Raises:
        UserError: the manifest has no images, shards are missing, or `location` cannot be written.
    """
    if manifest.images.empty:
        raise UserError(f"{manifest.dataset} has no images: ingest some first")
    storage.check_writable(location)
    rows_per_part = max(1, part_bytes // (4 * adaptation.dimensions))
    images = prepared(manifest, adaptation, data_root)
    parts = []
    passes = len(adaptation.looking.members)
    with Progress(f"features {manifest.dataset}", len(manifest.images) * passes, "image") as bar:
        for start in range(0, len(manifest.images), rows_per_part):
            rows = np.arange(start, min(start + rows_per_part, len(manifest.images)))
            of_part = manifest.part(rows)
            part = Part(name=part_name(of_part, adaptation), images=len(rows))
            place = part_location(location, part.name)
            if storage.exists(place):
                bar.update(len(rows) * passes)
            else:
                features = np.empty((len(rows), adaptation.dimensions), np.float32)
                adaptation.looking.extract_into(features, images, rows, BATCH, bar)
                storage.write_bytes(place, encoded(of_part.images, features))
            parts.append(part)
    description = StoredDescription(
        dataset=manifest.dataset,
        manifest=manifest.digest,
        model=adaptation.description.content,
        precision=adaptation.precision,
        dimensions=adaptation.dimensions,
        cameras=sorted(manifest.shown("camera").dropna().unique(), key=in_order),
        parts=parts,
    )
    storage.write_bytes(storage.join(location, GALLERY), description.encoded())
    return StoredGallery(location, description)


def part_name(images: Manifest, adaptation: Adaptation) -> str:
    """Return the digest (sha256, hex) of all that a part's rows and features are made from."""
    made_from = [FORMAT, adaptation.description.content, adaptation.precision, images.dataset, images.files_digest]
    return hashlib.sha256(" ".join(made_from).encode()).hexdigest()


def encoded(images: pd.DataFrame, features: NDArray[np.float32]) -> pa.Buffer:
    """Return the Parquet file of images [n rows] and their features [n, D]."""
    table = pa.Table.from_pandas(images, preserve_index=False)
    values = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), features.shape[1])
    table = table.append_column(pa.field(FEATURE, values.type, nullable=False), values)
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=max(1, GROUP_BYTES // features[0].nbytes),
        # Features do not compress, and nobody looks for one by its numbers.
        compression={name: "none" if name == FEATURE else "zstd" for name in table.column_names},
        use_dictionary=[name for name in table.column_names if name != FEATURE],
        write_statistics=["name"],
        write_page_checksum=True,
    )
    return sink.getvalue()
