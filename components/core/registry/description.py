"""The description in an adaptation's folder: method, split, and the digests of all its files. Without torch."""

import hashlib
import json
from pathlib import Path
from typing import Self

from pydantic import Field

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.methods import (
    JOINED,
    STATISTICS,
    TRANSLATORS,
    WITH_CLASSIFIER,
    and_whitened,
    joins,
    statistics_of,
    unwhitened,
    whitens,
    with_part,
    without_statistics,
)
from simpgan.components.core.results.rows import read_results
from simpgan.components.core.results.unlabelled_checks import FILE as CHECKS
from simpgan.components.core.results.unlabelled_checks import read_checks
from simpgan.components.core.settings import Settings, nearest

SCHEMA = 1
DESCRIPTION = "adaptation.json"
ADAPTED = (*TRANSLATORS, *WITH_CLASSIFIER)
UNTRAINED = tuple(with_part("direct", part) for part in ("", *STATISTICS))
REGISTRABLE = and_whitened(
    [
        *(with_part(base, part) for part in ("", *STATISTICS) for base in ("direct", *ADAPTED)),
        *(with_part(method, JOINED) for method in UNTRAINED),
    ]
)
"""Methods that can be registered. Other rows of results are baselines, or compare the same features in another way."""
PROVENANCE = {"precision", "hardware", "date", "commit", "command"}


class Description(Settings):
    """The content of adaptation.json."""

    method: str = Field(description="Method, one of REGISTRABLE.")
    source: str = Field(description="Data set that the classifier was trained on.")
    target: str = Field(description="Data set to whose unlabelled images it was adapted.")
    protocol: str = Field(description="Protocol of the target whose training images those are.")
    fold: int = Field(ge=0, description="Fold of the protocol.")
    variant: str = Field(description="Settings that differ from those of other trainings, as in the results.")
    seed: int = Field(description="Seed of its training, as in the results.")
    order_seed: int = Field(description="Seed of the order of images for AdaBN.")
    batch: int = Field(ge=1, description="Images per batch for AdaBN.")
    digests: dict[str, str] = Field(
        description="Digests of classifier, source, target, and of translator, companions, their sources and "
        "evaluation if they exist."
    )
    files: dict[str, str] = Field(description="sha256 (hex) of every other file, by path.")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the description in an adaptation's folder.

        Raises:
            UserError: the folder is no adaptation.
        """
        path = folder / DESCRIPTION
        if not path.is_file():
            raise UserError(f"no adaptation in '{folder}': it has no {DESCRIPTION}; give a folder fetched from MLflow")
        try:
            said = json.loads(path.read_bytes())
            if said.pop("schema") != SCHEMA:
                raise ValueError("another schema")
            return cls.model_validate(said)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(f"'{path}' is damaged or of another version: make or fetch the adaptation again") from None

    def write(self, folder: Path) -> None:
        """Write the description to `folder`, whose files it describes."""
        said = {"schema": SCHEMA, **self.model_dump()}
        (folder / DESCRIPTION).write_text(json.dumps(said, indent=2) + "\n")

    @property
    def base(self) -> str:
        """Return the method without statistics and whitening; `adabn` alone is direct transfer with AdaBN."""
        return without_statistics(self.method)

    @property
    def statistics(self) -> str:
        """Return the one of `STATISTICS` that the batch-norm statistics are of; empty: the classifier's own."""
        return statistics_of(self.method)

    @property
    def translates(self) -> bool:
        """Tell whether images are translated before the classifier gets them."""
        return self.base in TRANSLATORS

    @property
    def joins(self) -> bool:
        """Tell whether the features of several classifiers are joined."""
        return joins(self.method)

    @property
    def whitens(self) -> bool:
        """Tell whether the features are whitened by those of the target's images."""
        return whitens(self.method)

    @property
    def checked(self) -> str:
        """Return the method whose label-free checks it has: they look at features before these are whitened."""
        return unwhitened(self.method)

    @property
    def classifiers(self) -> list[str]:
        """Return the digests of all classifiers, the first one first."""
        companions = [name for name in self.digests if name.startswith("companion-")]
        return [self.digests[name] for name in ("classifier", *companions)]

    @property
    def content(self) -> str:
        """Return the sha256 (hex) of what the adaptation was made from and of its evaluation.

        It is the same wherever and whenever the adaptation is assembled.
        """
        said = self.model_dump(exclude={"files"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def check_method(method: str) -> None:
    """Raise UserError if no adaptation can have the method."""
    if method not in REGISTRABLE:
        raise UserError(f"no adaptation has the method '{method}': {nearest(method, REGISTRABLE)}")


def file_digests(folder: Path) -> dict[str, str]:
    """Return the sha256 (hex) of every file of an adaptation's folder except its description, by path with slashes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / DESCRIPTION:
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def verify(folder: Path) -> Description:
    """Return the description of a folder after checking that its files are exactly those described.

    Raises:
        UserError: the folder is no adaptation, a file is missing, or one has another content.
    """
    description = Description.read(folder)
    there = file_digests(folder)
    for name, digest in description.files.items():
        if there.get(name) != digest:
            what = "has changed" if name in there else "is missing"
            raise UserError(f"the adaptation in '{folder}' is damaged, {name} {what}: fetch or make it again")
    return description


def evaluation_digest(evaluation: Path, method: str) -> str:
    """Return the sha256 (hex) of an evaluation's results for `method`, ignoring when and where it ran."""
    said: dict[str, object] = {}
    if (evaluation / "results.json").is_file():
        rows = [row for row in read_results(evaluation / "results.json") if row.method == method]
        said["rows"] = [row.model_dump(exclude=PROVENANCE) for row in rows]
    if (evaluation / CHECKS).is_file():
        checks = read_checks(evaluation / CHECKS)
        checked = unwhitened(method)
        own = {label: found.model_dump() for label, found in checks.methods.items() if label.split()[0] == checked}
        said["checks"] = {**checks.model_dump(exclude={"methods"}), "methods": own} if own else None
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
