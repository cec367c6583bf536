"""Schedules: files that define which pipeline a server starts, at which times, with which options."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import Field

from simpgan.components.core.errors import UserError
from simpgan.components.core.settings import Settings, nearest
from simpgan.pipelines.cluster.schedules.cron import check_cron

if TYPE_CHECKING:
    from simpgan.pipelines.cluster.submission import Submission

FOLDER = Path(__file__).parent
SUFFIXES = (".yaml", ".yml")
Kind = TypeVar("Kind", bound=Settings)


class Schedule(Settings):
    """The content of a schedule's file."""

    pipeline: str = Field(description="adapt, table1, retrain, or the path of a compiled pipeline from here")
    options: dict[str, Any] = Field(
        {}, description="options of simpgan submit PIPELINE, without the dashes before them"
    )
    parameters: dict[str, Any] = Field({}, description="parameters of a compiled pipeline")
    cron: str = Field(description="second minute hour day-of-month month day-of-week, in UTC")
    catch_up: bool = Field(False, description="also start the runs that were missed while the schedule was off")
    max_concurrency: int = Field(1, ge=1, le=10, description="runs of the schedule at a time")
    enabled: bool = Field(True, description="whether it starts runs")
    experiment: str = Field("simpgan", min_length=1, description="experiment of the server to file runs under")
    description: str = Field("", description="for people")


@dataclass(frozen=True)
class ScheduleFile:
    """A schedule and its file, whose name is also the schedule's."""

    path: Path
    schedule: Schedule

    @property
    def name(self) -> str:
        """Return the name of the schedule."""
        return self.path.stem

    def submission(self) -> "Submission":
        """Return the pipeline and the arguments of every run.

        Raises:
            UserError: Something that is asked for is impossible.
        """
        from simpgan.pipelines.cluster.submission import ClusterOptions, file_submission, submission
        from simpgan.pipelines.requests.pipelines import PIPELINES

        schedule, folder = self.schedule, self.path.parent
        given = {key.replace("-", "_"): value for key, value in schedule.options.items()}
        try:
            if schedule.pipeline.endswith(SUFFIXES):
                if given:
                    raise UserError("'options' are for the pipelines that have a name: write parameters")
                return file_submission(folder / schedule.pipeline, schedule.parameters, scheduled=True)
            if schedule.pipeline not in PIPELINES:
                raise UserError(f"unknown pipeline '{schedule.pipeline}': {nearest(schedule.pipeline, PIPELINES)}")
            if schedule.parameters:
                raise UserError("'parameters' are for the file of a compiled pipeline: write options")
            for name in ("preset", "profile"):
                if str(given.get(name, "")).endswith(SUFFIXES):
                    given[name] = str(folder / given[name])
            on_cluster = {name: given.pop(name) for name in ClusterOptions.model_fields if name in given}
            request = parsed(PIPELINES[schedule.pipeline], given, others=ClusterOptions.model_fields)
            return submission(request, ClusterOptions.parse(on_cluster), scheduled=True)
        except UserError as error:
            raise UserError(f"schedule {self.path}: {error}") from None


def read(path: Path) -> ScheduleFile:
    """Read the schedule in a file.

    Raises:
        UserError: The file does not exist, or holds no schedule.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise UserError(f"schedule {path}: {error.strerror}: give the YAML file of a schedule") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"schedule {path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, Mapping):
        raise UserError(f"schedule {path} holds no mapping: write 'pipeline: adapt', cron and options")
    try:
        if "time_zone" in content:
            raise UserError(
                "there is no key 'time_zone', since the server's clock is UTC: write cron in UTC, without it"
            )
        schedule = parsed(Schedule, content)
        schedule = schedule.model_copy(update={"cron": check_cron(schedule.cron)})
    except UserError as error:
        raise UserError(f"schedule {path}: {error}") from None
    return ScheduleFile(path, schedule)


def read_all(files: Sequence[Path]) -> list[ScheduleFile]:
    """Read the schedules in some files.

    Raises:
        UserError: as in `read`, or two schedules have the same name.
    """
    found: dict[str, ScheduleFile] = {}
    for path in files:
        each = read(path)
        if each.name in found:
            raise UserError(f"{found[each.name].path} and {path} are both called '{each.name}': rename one")
        found[each.name] = each
    return list(found.values())


def files_in(folder: Path) -> list[Path]:
    """Return the files of schedules in a folder.

    Raises:
        UserError: The folder does not exist.
    """
    if not folder.is_dir():
        raise UserError(f"--folder {folder}: there is no such folder: give one with schedules")
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)


def parsed(kind: type[Kind], values: Mapping[str, Any], others: Iterable[str] = ()) -> Kind:
    """Parse settings.

    Args:
        others: Names that are known beside those of the settings, for messages.

    Raises:
        UserError: A name is unknown or missing, or a value is wrong.
    """
    names = {field.alias or name: field for name, field in kind.model_fields.items()}
    for name in values:
        if name not in names:
            raise UserError(f"unknown key '{name}': {nearest(str(name), [*names, *others])}")
    for name, field in names.items():
        if field.is_required() and name not in values:
            raise UserError(f"'{name}' is missing: {field.description}")
    return kind.parse(values)
