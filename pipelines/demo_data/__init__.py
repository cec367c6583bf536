"""Two generated camera networks in the layouts of real data sets: for trying the software without downloading anything.

`market1501` is an outdoor network in the layout of Market-1501, `underground_reid` an underground one in the layout
of GRID. The people are drawn from simple shapes; they differ in their clothes, hair, skin, bags and build, and are seen
from all sides, in bad boxes, behind one another. Each camera has its own place and light. The underground network has
a colour response of its own, and is darker, flatter, less sharp and noisier, so that a classifier trained on the
outdoor network does badly there although the people are no harder to tell apart.

The pictures are easy: few kinds of clothes, one and the same drawing routine, a shift of style that is the same for the
whole network. Numbers measured on them show that the software works. They say nothing about real cameras.
"""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from simpgan.components.core.errors import UserError
from simpgan.pipelines.demo_data import grid, market1501

SOURCE_FOLDER, TARGET_FOLDER = "market1501", "underground_reid"


def generate(out: Path, seed: int, *, source_identities: int = 160, target_identities: int = 120) -> tuple[Path, Path]:
    """Write both networks into `out` and return their folders, the source's and the target's.

    The same arguments give the same bytes. `source_identities` are those to train on; the source gets a third as many
    more to test on. Both numbers are at least 2. The folders appear whole or not at all. Raises UserError where a
    number is too small, or a folder is there already.
    """
    if source_identities < 2 or target_identities < 2:
        raise UserError(
            f"demo data needs at least 2 identities in each network, not {source_identities} and {target_identities}"
        )
    folders = out / SOURCE_FOLDER, out / TARGET_FOLDER
    for folder in folders:
        if folder.exists():
            raise UserError(f"{folder} exists already: remove it, or name another folder for the demo data")
    source_seed, target_seed = np.random.SeedSequence(seed).spawn(2)
    try:
        out.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".demo-data-", dir=out))
    except OSError as error:
        raise UserError(f"cannot write the demo data into {out}: {error.strerror}; name another folder") from error
    try:
        market1501.write(unfinished / SOURCE_FOLDER, source_seed, source_identities)
        grid.write(unfinished / TARGET_FOLDER, target_seed, target_identities)
        for folder in folders:
            os.replace(unfinished / folder.name, folder)
    except OSError as error:
        raise UserError(f"cannot write the demo data into {out}: {error.strerror}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folders
