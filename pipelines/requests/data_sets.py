"""A data set as the user names it: its layout, its location, and its name in results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from simpgan.components.core import storage
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.settings import nearest
from simpgan.components.core.storage_errors import explained
from simpgan.components.ingest.join import name_of
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.layouts.table import Table
from simpgan.components.ingest.preview import look_at
from simpgan.components.ingest.settings import IngestSettings
from simpgan.pipelines.config.defaults import Combination

TAKEN = "a folder, an archive or s3://bucket/prefix"


@dataclass(frozen=True)
class DataSet:
    """A data set: its layout, where it is, and its name in results.

    Attributes:
        fingerprint: What lies there; empty: it is read when it is needed.
        folders: What is read on this machine besides the location.
        seen: Manifest as far as it is known before an image is read; None: nobody looked.
    """

    layout: str
    location: str
    name: str
    fingerprint: str = ""
    folders: tuple[str, ...] = ()
    seen: Manifest | None = field(default=None, compare=False, repr=False)

    @classmethod
    def parse(cls, text: str, option: str, name: str = "") -> Self:
        """Parse `market1501:PATH`, where PATH is an existing folder, archive or table, or an `s3://` prefix.

        Args:
            option: Option that the text was given by, for messages.
            name: Name in results; empty: the layout's, or a table's.

        Raises:
            UserError: The layout is missing or unknown, or nothing is at PATH.
        """
        layout, colon, location = text.partition(":")
        if not colon or location.startswith("//"):
            is_taken = not colon or text.startswith(storage.S3)
            written = text if is_taken else f"PATH, where PATH is {TAKEN}"
            raise UserError(f"{option} '{text}' names no layout: write {option} market1501:{written}")
        if layout not in LAYOUTS:
            raise UserError(f"{option}: unknown layout '{layout}': {nearest(layout, LAYOUTS)}")
        called = name or LAYOUTS[layout].data_set_name(location)
        if location.startswith(storage.S3):
            return cls(layout, location, called)
        if storage.has_scheme(location):
            raise UserError(f"{option} '{text}': give {TAKEN}, as in {layout}:s3://bucket/prefix")
        path = Path(location).expanduser().resolve()
        with explained(str(path)):
            there = path.exists()
        if not location or not there:
            raise UserError(f"{option}: there is no {LAYOUTS[layout].place} '{location}': correct the path")
        return cls(layout, str(path), called)

    @property
    def reads(self) -> list[str]:
        """Return everything that is read to ingest it."""
        return [self.location, *self.folders]

    def looked_at(self, settings: IngestSettings) -> Self:
        """Return the data set with what can be known of it before an image is read.

        Raises:
            UserError: It holds no data set of its layout.
        """
        look = look_at(self.location, self.ingest_settings(settings))
        return replace(self, fingerprint=look.fingerprint(), folders=look.folders, seen=look.manifest)

    def ingest_settings(self, settings: IngestSettings) -> IngestSettings:
        """Return the settings that the data set is ingested with in a run with `settings`."""
        return settings.model_copy(update={"layout": self.layout, "name": self.name})

    def protocols(self, *roles: str) -> dict[str, int]:
        """Return the protocols that have images in all of some roles, with their numbers of folds.

        They are those of the layout, or of the table, if the data set is a table that was looked at.
        """
        layout = LAYOUTS[self.layout]
        found, folds = set(layout.published), dict(layout.folds)
        if self.is_table and self.seen is not None:
            found = set(self.seen.roles[["protocol", "role"]].drop_duplicates().itertuples(index=False, name=None))
            folds = self.seen.protocols().groupby("protocol").size().to_dict()
        return {name: count for name, count in folds.items() if all((name, role) in found for role in roles)}

    @property
    def is_table(self) -> bool:
        """Tell whether the data set's protocols stand in a table."""
        return isinstance(LAYOUTS[self.layout], Table)

    def as_arguments(self, role: str) -> dict[str, str]:
        """Return the arguments of a pipeline for its source or target: location, layout, name and content."""
        return {
            f"{role}_name": self.name,
            f"{role}_layout": self.layout,
            f"{role}_location": self.location,
            f"{role}_fingerprint": self.fingerprint or storage.fingerprint(self.location),
        }


@dataclass(frozen=True)
class Source:
    """What a classifier is trained on: a labelled data set, or several that are joined.

    Attributes:
        name: Name in results.
        parts: The data sets.
        companions: Data sets on each of which a further classifier is trained, whose features are joined with those of
            the first.
    """

    name: str
    parts: tuple[DataSet, ...]
    companions: tuple[DataSet, ...] = ()

    @property
    def is_joint(self) -> bool:
        """Tell whether several data sets are joined."""
        return len(self.parts) > 1

    def with_data_sets(self, others: Mapping[DataSet, DataSet]) -> Self:
        """Return the source with other data sets in place of its own."""
        parts, companions = (tuple(others[each] for each in some) for some in (self.parts, self.companions))
        return replace(self, parts=parts, companions=companions)

    @property
    def title(self) -> str:
        """Return the name of the source and of its companions."""
        others = " and ".join(companion.name for companion in self.companions)
        return f"{self.name} with {others}" if others else self.name

    def as_arguments(self) -> dict[str, Any]:
        """Return the arguments of a pipeline for this source; the companions of a joint source are its parts."""
        each = [part.as_arguments("source") for part in self.parts]
        if self.is_joint:
            return {"source_name": self.name, "sources": each}
        companions = [companion.as_arguments("source") for companion in self.companions]
        return {**each[0], "companions": companions} if companions else each[0]


def combined(data_sets: Sequence[DataSet], combination: Combination | None, name: str = "") -> list[Source]:
    """Return the sources that several labelled data sets are.

    Args:
        data_sets: The data sets.
        combination: How they are used together; None: each is a source of its own.
        name: Name of all of them together; empty: made of theirs, as `cuhk01+market1501`.

    Raises:
        UserError: A name cannot begin a path, or two data sets are at the same place.
    """
    if combination is None:
        return [Source(data_set.name, (data_set,)) for data_set in data_sets]
    places = [data_set.location.rstrip("/") for data_set in data_sets]
    for place in places:
        if places.count(place) > 1:
            raise UserError(f"two of the sources are at {place}: give it once")
    every = tuple(data_sets)
    if not combination.joins_data:
        return [Source(every[0].name, every[:1], every[1:])]
    for data_set in data_sets:
        if "/" in data_set.name:
            raise UserError(f"--source-name '{data_set.name}': sources that are joined have names without '/'")
    joint = name or name_of(data_set.name for data_set in data_sets)
    return [Source(joint, every, every if combination.joins_features else ())]


def names_of_sources(given: Sequence[str], sources: int, *, joint: bool) -> tuple[Sequence[str], str]:
    """Return a name for each of the sources, and one for all of them together; names that were not given are empty.

    Args:
        given: Values of --source-name: one for each source, or, if they are joined, one for all of them.

    Raises:
        UserError: The numbers of names and sources differ.
    """
    if not given or len(given) == sources:
        return given or [""] * sources, ""
    if joint and len(given) == 1:
        return [""] * sources, given[0]
    choices = "all of them, all together by one name, or none" if joint else "all of them or none"
    raise UserError(f"{sources} --source and {len(given)} --source-name: name {choices}")


def refuse_same_data(sources: Sequence[Source], target: DataSet) -> None:
    """Raise UserError if a source is the target, since its labels would be learned before they are tested."""
    for source in data_sets_of(sources):
        if source.location.rstrip("/") == target.location.rstrip("/"):
            same = f"at {target.location}"
        elif source.name == target.name:
            same = f"called {target.name}"
        else:
            continue
        raise UserError(
            f"source and target are both {same}, so that people would be looked for whose labels were learned: "
            "give another one, name one differently by --target-name, or say --allow-shared-people"
        )


def refuse_same_names(data_sets: Sequence[DataSet]) -> None:
    """Raise UserError if two sources have the same name in results."""
    names = [data_set.name for data_set in data_sets]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two sources are called '{name}': leave one out, or name them by --source-name")


def refuse_unlabelled(sources: Sequence[Source]) -> None:
    """Raise UserError if the layout of a source has no labels, which the classifier is trained with."""
    labelled = [name for name, layout in LAYOUTS.items() if layout.labelled]
    for source in data_sets_of(sources):
        if source.layout not in labelled:
            raise UserError(
                f"--source {source.layout}: the layout has no labels, and a classifier is trained on people who are "
                f"known: give a source in one of the layouts {', '.join(labelled)}"
            )


def data_sets_of(sources: Sequence[Source]) -> list[DataSet]:
    """Return the data sets of some sources and of their companions, each once."""
    return list(dict.fromkeys(each for source in sources for each in (*source.parts, *source.companions)))
