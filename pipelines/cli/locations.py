"""What every path of the command line may be: a folder or file of this machine, and an object store where one is taken.

app = Commands(name="simpgan")  # checks every parameter of type Path
location: Annotated[str, typer.Argument(callback=a_place)]  # text, since s3:// is no path
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError

HERE = "a folder or file of this machine"


class Commands(typer.Typer):
    """Commands that refuse a path with a scheme, such as `minio://bucket`: it would become a folder `minio:`."""

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        return super().command(name, **{"cls": Command, **options})


class Command(TyperCommand):
    """A command that checks its paths before it runs."""

    def invoke(self, ctx: Any) -> Any:
        for parameter in self.params:
            for value in several(ctx.params.get(parameter.name)):
                if isinstance(value, Path):
                    refuse_scheme(name_of(ctx, parameter), value, HERE)
        return super().invoke(ctx)


def taking(taken: str, *, s3: bool = False) -> Callable[[typer.Context, typer.CallbackParam, Any], Any]:
    """The callback of a parameter whose text may be a path. `taken` says what it may be, in messages."""

    def check(ctx: typer.Context, parameter: typer.CallbackParam, value: Any) -> Any:
        for each in several(value):
            if not (s3 and each.startswith(storage.S3)):
                refuse_scheme(name_of(ctx, parameter), each, taken)
        return value

    return check


def refuse_scheme(name: str, location: str | Path, taken: str) -> None:
    """Raise UserError for a location with a scheme. `name` is that of the option, argument or variable."""
    if storage.has_scheme(str(location)):
        raise UserError(f"{name} '{location}': give {taken}")


def several(value: Any) -> Sequence[Any]:
    """The values that a parameter was given: none, one or a list of them."""
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def name_of(ctx: Any, parameter: Any) -> str:
    """What the user gave the value by: an option, an argument or an environment variable."""
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
