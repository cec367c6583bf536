"""Label-free checks of an evaluation: checks.json, which is beside results.json, and what its numbers mean.

Without labels, accuracy cannot be measured. The checks measure how images changed, for the classifier and for their
neighbours. `components/core/models/unlabelled_score.py` says how each number is computed.
"""

import json
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.components.core.results.methods import place_of_label, title_of_label
from simpgan.components.core.results.summary import aligned

SCHEMA = 1
FILE = "checks.json"


class Meaning(NamedTuple):
    """The title of a check in tables, what it tells, and what it cannot know."""

    title: str
    tells: str
    misses: str


MEANINGS = {
    "score": Meaning(
        "score",
        "Distance divided by the square root of the kept neighbours; lower is better. The translation with the lowest "
        "score is chosen.",
        "Whether to translate at all, and how many people are found. It only compares translations.",
    ),
    "frechet": Meaning(
        "distance",
        "Frechet distance between the features of these images and of the source, divided by that of the images as "
        "recorded: 1 is no closer to the source, 0 is no difference.",
        "Whether a person is still the same person: images of other people in the source's style have distance 0.",
    ),
    "neighbours": Meaning(
        "kept neighbours",
        "Of the ten nearest images in feature space, the share that was among the nearest ten as recorded. It falls "
        "when people are exchanged, invented or made alike.",
        "Whether those neighbours were right: removing the differences between cameras lowers it, too.",
    ),
    "cycle_target": Meaning(
        "cycle error",
        "Mean difference between an image and its translation there and back, 0 to 2. It rises when content is lost.",
        "Content that is hidden in faint noise, and which of the two translations loses it.",
    ),
    "entropy": Meaning(
        "identity entropy",
        "Entropy of the classifier's predicted identities, in nats. It is low when all images look like the same few "
        "people.",
        "Which value is right: the people of the target are not among the identities, and noise raises it, too.",
    ),
}


class Measures(BaseModel):
    """The checks of one method; see `MEANINGS`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: float = Field(description="frechet / sqrt(neighbours), lower is better")
    frechet: float = Field(description="distance from the source, as a share of that of the images as recorded")
    neighbours: float = Field(ge=0, le=1, description="share of neighbours that are kept")
    cycle_target: float | None = Field(None, description="mean |G(F(T)) - T|, 0..2; None: no translator is known")
    entropy: float | None = Field(None, description="of the classifier's identities, nats; None: it forgot them")


class Sample(BaseModel):
    """The images that were looked at: which split, and how many of source and target, drawn by the seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: str
    fold: int
    seed: int
    source: int
    target: int


class Checks(BaseModel):
    """The checks of all methods on one sample, by label: the method, then behind a space its variant.

    Those of two evaluations can be compared if target and sample are the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str = Field(description="digest of the manifest")
    classifier: str = Field(description="digest of the model folder")
    precision: str = Field("", description="in which networks computed the features; empty: not recorded")
    sample: Sample
    methods: dict[str, Measures]

    @property
    def lines(self) -> list[tuple[str, Measures]]:
        """Titles and measures in the order that methods are listed in."""
        return [(title_of_label(label), self.methods[label]) for label in sorted(self.methods, key=place_of_label)]

    def figures(self) -> dict[str, float]:
        """Each check by the name it is tracked under, such as `check/score/simpgan-adabn`."""
        return {
            f"check/{name}/{label.replace('+', '-').replace('=', ' ')}": value
            for label, measures in self.methods.items()
            for name, value in measures.model_dump().items()
            if value is not None
        }

    def table(self) -> str:
        """Format the checks for a terminal, one line per method."""
        lines = [
            [title, *("" if value is None else f"{value:.3g}" for value in measures.model_dump().values())]
            for title, measures in self.lines
        ]
        return aligned([["method", *(MEANINGS[name].title for name in Measures.model_fields)], *lines])


def write_checks(checks: Checks, path: str | Path) -> None:
    """Write {"schema": 1, ...} to a local path or `s3://` location, whole or not at all."""
    document = {"schema": SCHEMA, **checks.model_dump()}
    storage.write_bytes(str(path), (json.dumps(document, indent=2) + "\n").encode())


def read_checks(path: str | Path) -> Checks:
    """Read what `write_checks` wrote.

    Raises:
        UserError: the file is missing, or is no file of checks of this version.
    """
    try:
        document = json.loads(storage.read_bytes(str(path)))
        if document.pop("schema") == SCHEMA:
            return Checks.model_validate(document)
    except (ValueError, KeyError, AttributeError, TypeError, ValidationError):
        pass
    raise UserError(f"{path} is not a file of label-free checks of this version: evaluate again to replace it")
