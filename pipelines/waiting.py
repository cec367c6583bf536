"""Which rows of the paper's Table 1 have not been measured yet, and how to measure them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import product

from components.core.results.methods import name_of
from components.core.results.paper import TABLE_1
from components.core.results.rows import ResultsRow

PRESETS = ("paper", "modern")
FOLDS = {"all250": 1, "folds10": 10}
METHODS = ("umdl", "direct", "gan", "simpgan")
FOLDERS = {"market1501": "Market-1501-v15.09.15", "cuhk01": "CUHK01", "grid": "underground_reid"}
"""What the makers of a data set call its folder."""


def waiting(rows: Iterable[ResultsRow]) -> list[list[str]]:
    """A line for every source, target, preset and protocol that lacks rows: these four, what lacks, the command."""
    there = {
        (row.source, row.target, row.preset, row.protocol, row.method, row.fold) for row in rows if not row.variant
    }
    lines = []
    for preset, (source, target), (protocol, folds) in product(PRESETS, TABLE_1, FOLDS.items()):
        missing = {
            method: [fold for fold in range(folds) if (source, target, preset, protocol, method, fold) not in there]
            for method in METHODS
        }
        missing = {method: lacking for method, lacking in missing.items() if lacking}
        if missing:
            methods = ", ".join(
                name_of(method) + ("" if len(lacking) == folds else f" (folds {', '.join(ranges(lacking))})")
                for method, lacking in missing.items()
            )
            lacking_any = {fold for lacking in missing.values() for fold in lacking}
            command = command_for(source, target, preset, protocol, missing, lacking_any)
            lines.append([source, target, preset, protocol, methods, f"`{command}`"])
    return lines


def command_for(
    source: str, target: str, preset: str, protocol: str, methods: Collection[str], folds: Collection[int]
) -> str:
    """The command that measures `methods` in `folds` of a protocol; direct transfer is always measured."""
    trained = [method for method in methods if method != "direct"] or ["simpgan"]
    splits = ",".join(f"{protocol}:{each}" for each in ranges(sorted(folds)))
    return (
        f"simpgan run table1 --source {source}:{FOLDERS[source]} --target {target}:{FOLDERS[target]} --preset {preset} "
        f"--method {','.join(trained)} --protocol {splits} --out runs/{preset}-{source}-{target}"
    )


def ranges(numbers: Sequence[int]) -> Iterator[str]:
    """Ascending numbers as ranges: 0, 1, 2, 5 as `0-2` and `5`."""
    starts = [number for number in numbers if number - 1 not in numbers]
    ends = [number for number in numbers if number + 1 not in numbers]
    return (str(first) if first == last else f"{first}-{last}" for first, last in zip(starts, ends, strict=True))
