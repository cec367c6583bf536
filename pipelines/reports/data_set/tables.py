"""A data set in tables, for the terminal and the page."""

from collections.abc import Sequence
from pathlib import Path

from simpgan.components.core.data.cameras import in_order
from simpgan.components.core.data.manifest import ROLES, Manifest
from simpgan.components.core.data.suitability import matches
from simpgan.components.core.results.summary import aligned
from simpgan.components.core.results.tables import Cell, CellTable
from simpgan.pipelines.reports.comparison.words import in_short
from simpgan.pipelines.reports.data_set.words import counted, headline, sentences

LINES_IN_TERMINAL = 20
EXAMPLES = 3
"""Names of rejected files that are given for a reason."""

ROLE_TITLES = {"train": "training", "query": "probes", "gallery": "gallery"}
SHARES = {"smallest": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "largest": 1.0}


def in_terminal(manifest: Manifest, folder: Path) -> str:
    """Format the data set for the terminal; arguments and errors as in `sentences`."""
    blocks = ["\n".join([headline(manifest), *(f"  {each}." for each in sentences(manifest, folder))])]
    blocks += [shortened(table) for table in (cameras_table(manifest), roles_table(manifest)) if table.rows]
    if len(manifest.rejected):
        listed = shortened(rejected_table(manifest))
        files = counted(len(manifest.rejected), "rejected file")
        blocks.append(f"{files}, listed in {folder / 'rejected.parquet'}\n{listed}")
    if manifest.warnings:
        blocks.append("\n".join(["Warnings", *(f"  {each}." for each in manifest.warnings)]))
    return "\n\n".join(blocks)


def shortened(table: CellTable) -> str:
    """Align the first lines of a table; columns of text come last, since they are flush right."""
    lines = [[cell.text for cell in row] for row in table.rows[:LINES_IN_TERMINAL]]
    hidden = len(table.rows) - len(lines)
    more = f"\n... and {hidden:,} more, with --out on the page" if hidden else ""
    return aligned([list(table.columns), *lines]) + more


def cameras_table(manifest: Manifest) -> CellTable:
    """Return one row per camera, in the order of numbers or names; the last one for unknown cameras, if there are any.

    The people of a camera, and those whom another camera has seen as well, are known ones.
    """
    images = manifest.images[["person", "camera"]].assign(shown=manifest.shown("camera").fillna("unknown"))
    pairs = images.dropna().drop_duplicates(["person", "camera"])
    elsewhere = pairs["person"].duplicated(keep=False)
    people, shared = (each.groupby("camera").size() for each in (pairs, pairs[elsewhere]))
    known = images.dropna(subset="camera").groupby("camera").agg(shown=("shown", "first"), images=("shown", "size"))
    rows = [
        (name, count, people.get(camera, 0), shared.get(camera, 0))
        for camera, name, count in known.itertuples(name=None)
    ]
    rows.sort(key=lambda row: in_order(row[0]))
    unknown = images[images["camera"].isna()]
    if len(unknown):
        rows.append(("unknown", len(unknown), unknown["person"].nunique(), 0))
    return counts_table(["camera", "images", "people", "also seen elsewhere"], rows)


def people_table(manifest: Manifest) -> CellTable:
    """Return one row per number of cameras: the people whom so many have seen, and their images."""
    known = manifest.images.dropna(subset="person").groupby("person")["camera"].agg(["nunique", "size"])
    seen = known.groupby("nunique")["size"].agg(["size", "sum"])
    return counts_table(
        ["cameras", "people", "images"], [(f"{row[0]}", *row[1:]) for row in seen.itertuples(name=None)]
    )


def sizes_table(manifest: Manifest) -> CellTable:
    """Return quantiles of width and height in pixels; no row without images."""
    if manifest.images.empty:
        return CellTable(["pixels", *SHARES], [])
    sizes = manifest.images[["width", "height"]].quantile(list(SHARES.values())).round()
    return counts_table(["pixels", *SHARES], [(name, *map(int, sizes[name])) for name in sizes])


def roles_table(manifest: Manifest) -> CellTable:
    """Return one row per protocol, or several if its folds differ: images and known people of every role.

    The last column counts the probes without a correct match: they cannot be ranked.
    """
    person = manifest.images["person"].to_numpy()
    roles = manifest.roles.assign(person=person[manifest.roles["image"].to_numpy()])
    counts = roles.groupby(["protocol", "fold", "role"])["person"].agg(["size", "nunique"])
    matched = matches(manifest.images, manifest.roles).groupby(["protocol", "fold"])["matched"].sum()
    folds: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for protocol, fold in manifest.protocols().itertuples(index=False, name=None):
        of_roles = [
            counts.loc[place] if (place := (protocol, fold, role)) in counts.index else (0, 0) for role in ROLES
        ]
        probes, _ = of_roles[ROLES.index("query")]
        line = (*(int(number) for pair in of_roles for number in pair), int(probes - matched.get((protocol, fold), 0)))
        folds.setdefault((protocol, line), []).append(fold)
    columns = [title for role in ROLES for title in (ROLE_TITLES[role], "people")]
    rows = [
        [Cell(protocol), Cell(in_short(numbers)), *map(count_cell, line)] for (protocol, line), numbers in folds.items()
    ]
    return CellTable(["protocol", "folds", *columns, "unmatched probes"], rows)


def rejected_table(manifest: Manifest) -> CellTable:
    """Return one row per reason, the most frequent first: how many files, and the names of some."""
    groups = manifest.rejected.groupby("reason")["name"]
    found = sorted(
        ((len(names), reason, list(names)) for reason, names in groups), key=lambda each: (-each[0], each[1])
    )
    rows = [[Cell(reason), count_cell(count), Cell(examples(names))] for count, reason, names in found]
    return CellTable(["reason", "files", "such as"], rows)


def examples(names: Sequence[str]) -> str:
    """List the first names."""
    return ", ".join(names[:EXAMPLES]) + (", ..." if len(names) > EXAMPLES else "")


def counts_table(columns: Sequence[str], rows: Sequence[tuple[str, *tuple[int, ...]]]) -> CellTable:
    """Return a table of a name and counts in each row."""
    return CellTable(columns, [[Cell(name), *map(count_cell, counts)] for name, *counts in rows])


def count_cell(count: int) -> Cell:
    """Return the cell of a count."""
    return Cell(f"{count:,}", float(count))
