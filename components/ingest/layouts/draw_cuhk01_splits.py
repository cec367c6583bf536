"""Draw the ten splits of CUHK01 that ship as cuhk01_splits.csv.

    python -m simpgan.components.ingest.layouts.draw_cuhk01_splits > components/ingest/layouts/cuhk01_splits.csv

The literature shares the numbers (485 train and 486 test people, ten draws) but no lists, so these are our own.
"""

import random
import sys

import pandas as pd

PEOPLE, TEST_PEOPLE, SPLITS, SEED = 971, 486, 10, 2012


def draw_splits() -> pd.DataFrame:
    """Draw the splits: one row per person, one column per split.

    A cell is "train", or for a test person the two shots, one per view, that are their gallery images in the
    single-shot protocols, such as "14" for shots 001 and 004.
    """
    draw = random.Random(SEED)
    people = range(1, PEOPLE + 1)
    splits = {}
    for split in range(SPLITS):
        shots = {person: draw.choice("12") + draw.choice("34") for person in sorted(draw.sample(people, TEST_PEOPLE))}
        splits[split] = [shots.get(person, "train") for person in people]
    return pd.DataFrame(splits, index=pd.Index(people, name="person"))


if __name__ == "__main__":
    draw_splits().to_csv(sys.stdout, lineterminator="\n")
