"""Peak memory and time of ingesting a table, by its number of rows.

Run: python -m tests.benchmarks.bench_table --rows 10000 100000 1000000

The images are hard links to a few files of 8 x 16 pixels, so that they take no space of their own.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.components.ingest.data_sets import encoded

LINKS = 10_000
"""Links to one file, below what file systems allow; also the images in a folder."""

INGEST = """
import sys
from pathlib import Path
from simpgan.components.ingest import stage
from simpgan.components.ingest.settings import IngestSettings

settings = IngestSettings.parse({"layout": "table"})
table, folder = sys.argv[1:]
stage.run(table, settings, f"{folder}/data", Path(folder) / "manifest")
"""


def write_table(folder: Path, rows: int) -> Path:
    """Write a table of `rows` images, 20 of each person by six cameras, and the images."""
    table = folder / "people.csv"
    with table.open("w", encoding="utf-8") as file:
        file.write("path,person,camera\n")
        for row in range(rows):
            crops = folder / "crops" / f"{row // LINKS:04}"
            path = crops / f"{row:07}.jpg"
            if row % LINKS == 0:
                crops.mkdir(parents=True)
                first = path
                first.write_bytes(encoded(row // LINKS))
            else:
                os.link(first, path)
            file.write(f"{path.relative_to(folder)},person {row // 20},camera {row % 6}\n")
    return table


def ingested(table: Path, folder: Path) -> tuple[float, float]:
    """Ingest a table in a process of its own: its peak memory (MiB) and time (seconds)."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", INGEST, str(table), str(folder)], stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"ingest ended with {process.returncode}")
    return used.ru_maxrss / 1024, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 50_000, 200_000])
    parser.add_argument("--folder", help="where the images are written for a while")
    given = parser.parse_args()
    print(f"{'rows':>9} {'MiB':>6} {'seconds':>8} {'bytes a row more':>17}")
    before: tuple[int, float] | None = None
    for rows in sorted(given.rows):
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            peak, seconds = ingested(write_table(Path(folder), rows), Path(folder))
        more = f"{(peak - before[1]) * 2**20 / (rows - before[0]):17,.0f}" if before else ""
        print(f"{rows:9,} {peak:6,.0f} {seconds:8.1f} {more}", flush=True)
        before = rows, peak


if __name__ == "__main__":
    main()
