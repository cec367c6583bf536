"""What an adaptation's folder says of itself: method, split, and the digests of all that lies in it. Without torch."""

import hashlib
import json
from pathlib import Path
from typing import Self

from pydantic import Field

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.methods import SOURCE_TO_TARGET, TRANSLATORS
from simpgan.components.core.results.rows import read_results
from simpgan.components.core.results.unlabelled_checks import FILE as CHECKS
from simpgan.components.core.results.unlabelled_checks import read_checks
from simpgan.components.core.settings import Settings, nearest

SCHEMA = 1
DESCRIPTION = "adaptation.json"
ADAPTED = (*TRANSLATORS, SOURCE_TO_TARGET)
REGISTRABLE = ("direct", *ADAPTED, "adabn", *(f"{base}+adabn" for base in ADAPTED))
"""Methods that can be registered. Other rows of results are baselines, or compare the same features in another way."""
PROVENANCE = {"precision", "hardware", "date", "commit", "command"}


class Description(Settings):
    """adaptation.json."""

    method: str = Field(description="of REGISTRABLE")
    source: str = Field(description="data set that the classifier was trained on")
    target: str = Field(description="data set to whose unlabelled images it was adapted")
    protocol: str = Field(description="of the target, whose training images those are")
    fold: int = Field(ge=0, description="of the protocol")
    variant: str = Field(description="settings by which its training differs from others, as results have it")
    seed: int = Field(description="of its training, as results have it")
    order_seed: int = Field(description="of the order in which batch-norm statistics see images")
    batch: int = Field(ge=1, description="images whose statistics are taken together")
    digests: dict[str, str] = Field(description="of classifier, source, target; translator, evaluation if there are")
    files: dict[str, str] = Field(description="sha256 of every file beside this one, by path")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The description in an adaptation's folder.

        Raises:
            UserError: the folder is none.
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
        """Write it to `folder`, whose files it describes."""
        said = {"schema": SCHEMA, **self.model_dump()}
        (folder / DESCRIPTION).write_text(json.dumps(said, indent=2) + "\n")

    @property
    def base(self) -> str:
        """The method without AdaBN; `adabn` alone is direct transfer with it."""
        return "direct" if self.method == "adabn" else self.method.removesuffix("+adabn")

    @property
    def adabn(self) -> bool:
        """Whether the statistics of the batch normalisation are the target's."""
        return "adabn" in self.method.split("+")

    @property
    def translates(self) -> bool:
        """Whether images are translated before the classifier sees them."""
        return self.base in TRANSLATORS

    @property
    def content(self) -> str:
        """sha256 over what it was made from and how it did: the same wherever and whenever it is put together."""
        said = self.model_dump(exclude={"files"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def check_method(method: str) -> None:
    """Raise UserError if `method` is none that an adaptation can have."""
    if method not in REGISTRABLE:
        raise UserError(f"no adaptation has the method '{method}': {nearest(method, REGISTRABLE)}")


def file_digests(folder: Path) -> dict[str, str]:
    """sha256 of every file of an adaptation's folder but its description, by path with slashes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / DESCRIPTION:
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def verify(folder: Path) -> Description:
    """The description of a folder whose files are exactly those that it names.

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
    """sha256 over what an evaluation says of `method`, apart from when and where it ran."""
    said: dict[str, object] = {}
    if (evaluation / "results.json").is_file():
        rows = [row for row in read_results(evaluation / "results.json") if row.method == method]
        said["rows"] = [row.model_dump(exclude=PROVENANCE) for row in rows]
    if (evaluation / CHECKS).is_file():
        checks = read_checks(evaluation / CHECKS)
        own = {label: found.model_dump() for label, found in checks.methods.items() if label.split()[0] == method}
        said["checks"] = {**checks.model_dump(exclude={"methods"}), "methods": own} if own else None
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
