"""Adaptations as versions of a registered model in MLflow, and their aliases, such as champion."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

from simpgan.components.core.errors import UserError
from simpgan.components.core.registry.description import DESCRIPTION, Description, verify
from simpgan.components.core.registry.version_lookup import CONTENT_TAG
from simpgan.components.core.tracking.client import connect, find_experiment
from simpgan.components.core.tracking.errors import explained
from simpgan.components.core.tracking.tags import LONGEST_TAG

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

NAME = "simpgan"
"""Default name of the registered model."""

CANDIDATE, CHAMPION, PREVIOUS = "candidate", "champion", "previous"
ADAPTATION = "artifacts/adaptation"
"""Place of the adaptation's folder inside a model in MLflow."""

NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class RegisteredVersion:
    """A version of a registered model.

    Attributes:
        name: name of the registered model.
        number: number of the version, from 1.
        tags: tags by name.
        aliases: candidate, champion, previous, or aliases that people have added.
        date: date of its registration, YYYY-MM-DD in UTC.
    """

    name: str
    number: int
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    date: str

    @classmethod
    def of(cls, found: "ModelVersion", aliases: tuple[str, ...]) -> Self:
        """Convert from MLflow's entity."""
        date = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC).date().isoformat()
        return cls(found.name, int(found.version), dict(found.tags), aliases, date)

    def __str__(self) -> str:
        return f"{self.name} version {self.number}"


class ModelRegistry:
    """The versions of one registered model, in the MLflow that `MLFLOW_TRACKING_URI` names.

    Every method raises UserError, in one line, if MLflow does not answer or refuses.
    """

    def __init__(self, name: str = NAME) -> None:
        self.name = name
        with explained():
            self._client = connect()

    def versions(self) -> list[RegisteredVersion]:
        """Return all versions, newest first; empty if there is no such model."""
        with explained():
            found = self._client.search_model_versions(f"name='{self.name}'", max_results=1000)
            aliases = self._aliases() if found else {}
        versions = [RegisteredVersion.of(each, aliases.get(int(each.version), ())) for each in found]
        return sorted(versions, key=lambda version: -version.number)

    def version(self, which: str | int) -> RegisteredVersion:
        """Return the version with a number or an alias.

        Raises:
            UserError: there is no such model, version or alias.
        """
        versions = self.versions()
        if not versions:
            raise UserError(f"MLflow has no model '{self.name}': register one with simpgan propose, or give --model")
        by_number = NUMBER.fullmatch(str(which))
        for version in versions:
            if version.number == int(which) if by_number else which in version.aliases:
                return version
        if by_number:
            raise UserError(f"{self.name} has no version {which}: the newest is {versions[0].number}")
        given = sorted({alias for version in versions for alias in version.aliases})
        raise UserError(f"no version of {self.name} is '{which}': there is {', '.join(given) or 'no alias at all'}")

    def find(self, alias: str) -> RegisteredVersion | None:
        """Return the version with an alias; None if there is none."""
        return next((version for version in self.versions() if alias in version.aliases), None)

    def register(
        self, folder: Path, *, card: str, tags: Mapping[str, str], metrics: Mapping[str, float], run_id: str = ""
    ) -> RegisteredVersion:
        """Register an adaptation's folder as a version. Return the existing version if it has the same content.

        Args:
            folder: folder that `save_adaptation` wrote.
            card: model card, as Markdown.
            tags: tags by name.
            metrics: metrics by name.
            run_id: run that made it, in which the metrics are recorded; empty: none.

        Raises:
            UserError: the folder is no adaptation, or damaged.
        """
        description = verify(folder)
        if there := self._with(description.content):
            return there[0]
        from simpgan.components.core.registry.pyfunc_export import export_model

        tags = {CONTENT_TAG: description.content, **{name: value[:LONGEST_TAG] for name, value in tags.items()}}
        with explained(), TemporaryDirectory() as place:
            model = export_model(folder, card, Path(place))
            logged = self._client.create_logged_model(
                find_experiment(self._client), name=self.name, source_run_id=run_id or None, tags=tags
            )
            self._client.log_model_artifacts(logged.model_id, str(model))
            self._client.finalize_logged_model(logged.model_id, "READY")
            if run_id:
                self._note_in_run(run_id, logged.model_id, metrics)
            self._create_model()
            created = self._client.create_model_version(
                self.name,
                source=f"models:/{logged.model_id}",
                run_id=run_id or None,
                tags=tags,
                description=card[:LONGEST_TAG],
                model_id=logged.model_id,
            )
        # MLflow has no way to create a version unless there is one: of two that came at once, the first stays.
        first = self._with(description.content)[0]
        if first.number != int(created.version):
            with explained():
                self._client.delete_model_version(self.name, created.version)
                self._client.delete_logged_model(logged.model_id)
        return first

    def fetch(self, which: str | int, folder: Path) -> RegisteredVersion:
        """Download the adaptation of a version into `folder`, and verify it.

        Args:
            which: a number or an alias.
            folder: where to.

        Raises:
            UserError: there is no such version, its artifact is gone, or it has changed.
        """
        version = self.version(which)
        self._download(version, "", folder)
        verify(folder)
        return version

    def fetch_evaluation(self, version: RegisteredVersion, folder: Path) -> Description:
        """Download only the evaluation and the description of a version into `folder`. Return the description."""
        self._download(version, DESCRIPTION, folder / DESCRIPTION)
        if "evaluation" in self._files(version):
            self._download(version, "evaluation", folder / "evaluation")
        return Description.read(folder)

    def fetch_target(self, version: RegisteredVersion, folder: Path) -> Description:
        """Download only the manifest of a version's target into `folder`/target, and the description into `folder`.

        Returns:
            The description.
        """
        for part in (DESCRIPTION, "target"):
            self._download(version, part, folder / part)
        return Description.read(folder)

    def set_tags(self, version: RegisteredVersion, tags: Mapping[str, str]) -> None:
        """Set tags of a version."""
        with explained():
            for name, value in tags.items():
                self._client.set_model_version_tag(self.name, str(version.number), name, value[:LONGEST_TAG])

    def set_alias(self, alias: str, version: RegisteredVersion) -> None:
        """Give an alias to a version; any other version loses it."""
        with explained():
            self._client.set_registered_model_alias(self.name, alias, str(version.number))

    def promote(self, version: RegisteredVersion) -> None:
        """Make a version the champion, and the current champion the previous one."""
        champion = self.find(CHAMPION)
        if champion and champion.number != version.number:
            self.set_alias(PREVIOUS, champion)
        self.set_alias(CHAMPION, version)
        if CANDIDATE in version.aliases:
            with explained():
                self._client.delete_registered_model_alias(self.name, CANDIDATE)

    def roll_back(self) -> tuple[RegisteredVersion, RegisteredVersion | None]:
        """Make the previous champion the champion again; the two change places.

        Returns:
            The champion now, and the one before.

        Raises:
            UserError: there was none before.
        """
        previous, champion = self.find(PREVIOUS), self.find(CHAMPION)
        if previous is None:
            raise UserError(f"{self.name} has no previous champion: nothing to roll back to")
        self.set_alias(CHAMPION, previous)
        if champion:
            self.set_alias(PREVIOUS, champion)
        return previous, champion

    def _aliases(self) -> dict[int, tuple[str, ...]]:
        """Return the aliases of each version, which a search does not return."""
        by_version: dict[int, tuple[str, ...]] = {}
        for alias, number in sorted(self._client.get_registered_model(self.name).aliases.items()):
            by_version[int(number)] = (*by_version.get(int(number), ()), alias)
        return by_version

    def _with(self, content: str) -> list[RegisteredVersion]:
        """Return the versions with a content whose artifact still exists, oldest first."""
        same = [version for version in self.versions() if version.tags.get(CONTENT_TAG) == content]
        return [version for version in reversed(same) if DESCRIPTION in self._files(version)]

    def _create_model(self) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(self.name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _note_in_run(self, run_id: str, model_id: str, metrics: Mapping[str, float]) -> None:
        """List the model among the run's outputs, and its metrics where MLflow compares models."""
        from mlflow.entities import LoggedModelOutput

        self._client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
        for name, value in metrics.items():
            self._client.log_metric(run_id, name, value, model_id=model_id)

    def _files(self, version: RegisteredVersion) -> set[str]:
        """Return the names of the files and folders at the top of a version's adaptation in the store."""
        import mlflow

        with explained():
            there = mlflow.artifacts.list_artifacts(artifact_uri=self._uri(version))
        return {file.path.rpartition("/")[2] for file in there}

    def _download(self, version: RegisteredVersion, part: str, place: Path) -> None:
        """Download the whole adaptation of a version, or a file or folder of it, to `place`.

        Raises:
            UserError: the store no longer has it.
        """
        import mlflow

        if DESCRIPTION not in self._files(version):  # some stores keep empty folders
            raise UserError(f"the artifact of {version} is gone from MLflow's store: choose another version")
        with explained(), TemporaryDirectory() as temporary:
            downloaded = mlflow.artifacts.download_artifacts(artifact_uri=self._uri(version, part), dst_path=temporary)
            copy_to(Path(downloaded), place)

    def _uri(self, version: RegisteredVersion, part: str = "") -> str:
        """Return the artifact's address in the store; addresses like models:/NAME/VERSION/PATH cannot be listed."""
        model = self._client.get_model_version_download_uri(self.name, str(version.number))
        return f"{model}/{ADAPTATION}/{part}".rstrip("/")


def copy_to(downloaded: Path, place: Path) -> None:
    """Copy a file or folder to a place that may exist already."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if downloaded.is_dir():
        shutil.copytree(downloaded, place, dirs_exist_ok=True)
    else:
        shutil.copyfile(downloaded, place)


def fetch(name: str, which: str | int, folder: Path) -> RegisteredVersion:
    """Download the adaptation of a version (number or alias) of a registered model; see `Registry.fetch`."""
    return ModelRegistry(name).fetch(which, folder)
