"""How commands are built: they check their paths before they run, and their help explains its placeholders."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

from simpgan.pipelines.cli.help import explain
from simpgan.pipelines.cli.locations import HERE, name_of, refuse_scheme, several

Request = TypeVar("Request")
Own = ParamSpec("Own")


class PlainHelp:
    """A command or group whose help shows no types: neither of flags, nor of arguments, which appear in capitals."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters without their types."""
        params = super().get_params(ctx)  # type: ignore[misc]
        for each in params:
            if isinstance(each, TyperArgument):
                each.metavar = each.metavar or each.name.upper()
                each.display_type_rich = no_type  # type: ignore[method-assign]
            elif each.is_flag:
                each.metavar = ""
        return params


def no_type(ctx: Any) -> None:
    """Show nothing in the column of types."""


class Command(PlainHelp, TyperCommand):
    """A command that refuses a path with a scheme, such as `minio://bucket`: it would become a folder `minio:`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Complete the help of the command."""
        super().__init__(*args, **options)
        self.help = unwrapped(self.help or "")
        self.epilog = explain(each.metavar for each in self.params)

    def invoke(self, ctx: Any) -> Any:
        """Check the paths, then run the command."""
        for parameter in self.params:
            for value in several(ctx.params.get(parameter.name)):
                if isinstance(value, Path):
                    refuse_scheme(name_of(ctx, parameter), value, HERE)
        return super().invoke(ctx)


class CommandGroup(PlainHelp, TyperGroup):
    """A group of commands."""


class Commands(typer.Typer):
    """A set of such commands."""

    def __init__(self, **options: Any) -> None:
        """Make groups print their help if no command is given."""
        super().__init__(**{"cls": CommandGroup, "no_args_is_help": True, **options})

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Return a decorator that adds a `Command`."""
        return super().command(name, **{"cls": Command, **options})


def unwrapped(text: str) -> str:
    """Join the lines of each paragraph, so that it fits a terminal of any width."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def group(help: str, **commands: Callable[..., None]) -> Commands:
    """Return commands that follow a common word, such as `simpgan run`."""
    made = Commands(help=help)
    for name, function in commands.items():
        made.command(name)(function)
    return made


def with_options_of(
    ask: Callable[..., Request], doc: str = ""
) -> Callable[[Callable[Concatenate[Request, Own], None]], Callable[..., None]]:
    """Return a decorator for a command whose first argument is made by `ask`, from the options that `ask` takes.

    The command has these options and its own. Its help is `doc`, or the docstring of the function.
    """

    def decorate(function: Callable[Concatenate[Request, Own], None]) -> Callable[..., None]:
        asked = inspect.signature(ask).parameters
        _, *own = inspect.signature(function).parameters.values()

        def command(**options: Any) -> None:
            request = ask(**{name: options.pop(name) for name in asked})
            function(request, **options)  # type: ignore[call-arg]

        required_first = sorted([*asked.values(), *own], key=lambda each: each.default is not each.empty)
        command.__signature__ = inspect.Signature(required_first)  # type: ignore[attr-defined]
        command.__annotations__ = {each.name: each.annotation for each in required_first}
        command.__doc__ = doc or function.__doc__
        return command

    return decorate
