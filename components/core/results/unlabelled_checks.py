"""Label-free checks of an evaluation: checks.json, which is beside results.json, and what its numbers can know.

Without labels, accuracy cannot be measured. What can be measured is how pictures changed, for the classifier
and for their neighbours. `components/core/models/unlabelled_score.py` says how each number is computed.
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
    """What a check is called in tables, what it tells, and what it cannot."""

    title: str
    tells: str
    misses: str


MEANINGS = {
    "score": Meaning(
        "score",
        "Distance over kept neighbours, lower is better: closer to the source, and still the pictures they were. "
        "Translations are chosen by it.",
        "It compares translations with one another. Whether to translate at all, and how many people are found, is not "
        "in it.",
    ),
    "frechet": Meaning(
        "distance",
        "How unlike the pictures it was trained on these look to the classifier, as a share of the distance as "
        "recorded: 1 is no nearer, 0 no difference.",
        "Whether a person is still the same person: pictures of the source's own people would have 0.",
    ),
    "neighbours": Meaning(
        "kept neighbours",
        "Of the ten pictures that look most alike to the classifier, the share that did so as recorded: people who "
        "were exchanged, invented or made alike lower it.",
        "Whether those neighbours were right: undoing what makes cameras differ lowers it, too.",
    ),
    "cycle_target": Meaning(
        "lost on the way",
        "How far pictures are from themselves after translation there and back, 0 to 2: content that is thrown away.",
        "Content that hides in faint noise, and which of the two ways loses it.",
    ),
    "entropy": Meaning(
        "doubt",
        "How undecided the classifier is between the people it was trained on, in nats: low where all pictures look "
        "like the same few people to it.",
        "Noise, which raises it as well. People of the target are none of the source's, so doubt is right, and no "
        "amount of it is the right one.",
    ),
}


class Measures(BaseModel):
    """The checks of one method; see `MEANINGS`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: float = Field(description="frechet / sqrt(neighbours), lower is better")
    frechet: float = Field(description="distance from the source, as a share of that of the images as recorded")
    neighbours: float = Field(ge=0, le=1, description="share of neighbours that are kept")
    cycle_target: float | None = Field(None, description="mean |G(F(T)) - T|, 0..2; None: no translator is known")
    entropy: float = Field(description="of the classifier's identities, nats")


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
        """For a terminal: a line a method."""
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
    """What `write_checks` wrote.

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
