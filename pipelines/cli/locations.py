"""What every path of the command line may be: a folder or file of this machine, or an object store where allowed.

Parameters of type `Path` are checked by every command. Parameters that may also be in an object store are text, and
name their check: `location: Annotated[str, typer.Argument(callback=a_place)]`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError

HERE = "a folder or file of this machine"


def taking(taken: str, *, s3: bool = False) -> Callable[[typer.Context, typer.CallbackParam, Any], Any]:
    """Return the callback of a text parameter that may be a path. Messages name what it may be: `taken`."""

    def check(ctx: typer.Context, parameter: typer.CallbackParam, value: Any) -> Any:
        for each in several(value):
            if not (s3 and each.startswith(storage.S3)):
                refuse_scheme(name_of(ctx, parameter), each, taken)
        return value

    return check


def refuse_scheme(name: str, location: str | Path, taken: str) -> None:
    """Raise UserError for a location with a scheme, given by the option, argument or variable `name`."""
    if storage.has_scheme(str(location)):
        raise UserError(f"{name} '{location}': give {taken}")


def several(value: Any) -> Sequence[Any]:
    """Return the values of a parameter as a sequence: none, one or several."""
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def name_of(ctx: Any, parameter: Any) -> str:
    """Return the name of the option, argument or environment variable that gave the value."""
    source = ctx.get_parameter_source(parameter.name)
    if source is not None and source.name == "ENVIRONMENT":
        return str(parameter.envvar)
    return parameter.opts[0] if parameter.param_type_name == "option" else parameter.name.upper()


a_folder = taking("a folder")
a_place = taking(storage.PLACE, s3=True)
a_run = taking("the folder of a run, or the id of a run in MLflow")
a_registry = taking("a registry without a scheme, as ghcr.io/somebody/simpgan")
a_preset = taking("the name of a preset, or a YAML file")
a_profile = taking("the name of a profile, or a YAML file")
a_model = taking("NAME@champion, NAME@3, or the folder of an adaptation")


def existing(folder: Path, option: str) -> Path:
    """Return the folder.

    Raises:
        UserError: There is no such folder.
    """
    if not folder.is_dir():
        from simpgan.components.core.data.manifest import manifest_near

        instead = manifest_near(folder) or ": give one that an earlier stage wrote"
        raise UserError(f"{option} {folder}: there is no such folder{instead}")
    return folder


def all_existing(folders: list[Path] | None, option: str) -> list[Path]:
    """Return the folders; none if the option was not given.

    Raises:
        UserError: One does not exist.
    """
    return [existing(folder, option) for folder in folders or []]
