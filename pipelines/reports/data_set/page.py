"""The page of a data set."""

from pathlib import Path

import numpy as np

from simpgan.components.core import storage
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.suitability import correct_match
from simpgan.components.core.results.pages import environment
from simpgan.pipelines.reports.data_set.contact_sheet import camera_strips, people_strips, with_pictures
from simpgan.pipelines.reports.data_set.tables import (
    cameras_table,
    people_table,
    rejected_table,
    roles_table,
    sizes_table,
)
from simpgan.pipelines.reports.data_set.words import headline, sentences

PAGE = "describe.html"
ROLES_CAPTION = (
    "Images of each role, and the known people in them. An unmatched probe does not have {match} in the gallery."
)
CAMERAS_CAPTION = "Images, the known people in them, and how many of those another camera has seen as well."


def write_page(manifest: Manifest, folder: Path, data_root: str, seed: int, out: Path) -> None:
    """Write describe.html, which needs nothing else, whole or not at all.

    Args:
        manifest: the data set.
        folder: its folder.
        data_root: folder or `s3://` prefix that holds the shards.
        seed: of the sample of images.
        out: folder of the page.

    Raises:
        UserError: the folder cannot be written, or shards are missing or damaged.
    """
    random = np.random.default_rng(seed)
    sheets = [
        (title, list(with_pictures(manifest, strips, data_root)))
        for title, strips in (
            ("People, as their cameras see them", people_strips(manifest, random)),
            ("Cameras", camera_strips(manifest, random)),
        )
    ]
    tables = [
        ("Roles", ROLES_CAPTION.format(match=correct_match(manifest.images)), roles_table(manifest)),
        ("Cameras", CAMERAS_CAPTION, cameras_table(manifest)),
        ("People", "People whose number is known, by how many cameras see them.", people_table(manifest)),
        ("Sizes", "Width and height of the images in pixels.", sizes_table(manifest)),
        ("Rejected files", f"All of them are listed in {folder / 'rejected.parquet'}.", rejected_table(manifest)),
    ]
    page = (
        environment("simpgan.pipelines.reports.data_set", autoescape=True)
        .get_template("describe.html.j2")
        .render(
            headline=headline(manifest),
            sentences=sentences(manifest, folder),
            warnings=manifest.warnings,
            tables=[(title, caption, table) for title, caption, table in tables if table.rows],
            sheets=[(title, strips) for title, strips in sheets if strips],
            seed=seed,
            details={
                "manifest": folder,
                "digest": manifest.digest,
                "trains a classifier from": manifest.source_protocol or "nothing",
                "shards": f"{manifest.images['shard'].nunique():,} in {data_root}",
                "files that were read": f"{len(manifest.objects):,}" if len(manifest.objects) else "not recorded",
            },
        )
    )
    storage.write_bytes(str(out / PAGE), page.encode())
