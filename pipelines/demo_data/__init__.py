"""Two generated camera networks in the layouts of real data sets, to try the software without a download.

`market1501` is an outdoor network in the layout of Market-1501, `underground_reid` an underground one in the layout
of GRID. The people are drawn from simple shapes. They differ in clothes, hair, skin, bags and build, and are seen from
all sides, in bad boxes and behind one another. Each camera has its own place and light. The underground network has
its own colour response, and is darker, flatter, less sharp and noisier. A classifier trained on the outdoor network
therefore does badly there, although the people are no harder to tell apart.

The images are easy: few kinds of clothes, a single drawing routine, and the same shift of style for a whole network.
Numbers measured on them show that the software works. They do not predict results on real cameras.
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

    The same arguments give the same bytes. The folders appear whole or not at all.

    Args:
        out: Folder for both networks.
        seed: Seed of people, cameras and images.
        source_identities: Identities of the source to train on, at least 2; a third as many are added to test on.
        target_identities: Identities of the target, at least 2.

    Raises:
        UserError: A number is too small, a folder exists already, or `out` cannot be written.
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
