"""Typed settings: one class per stage, validated before anything starts."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError

Precision = Annotated[
    Literal["auto", "fp32", "bf16"],
    Field(
        description="Floating-point precision; `auto`: bf16 where the hardware has it, on a CPU only where it gives "
        "the numbers of fp32."
    ),
]


def check_place(location: str) -> str:
    """Return `location`, a path or an `s3://` location.

    Raises:
        ValueError: it has another scheme.
    """
    if storage.has_scheme(location) and not location.startswith(storage.S3):
        raise ValueError("no place for files: give a path, or s3://bucket/prefix")
    return location


Place = Annotated[str, AfterValidator(check_place)]
"""Type of a setting that is a path or an `s3://` location."""


@dataclass(frozen=True)
class OneOf:
    """Restricts a text setting to the names of a table: `Annotated[str, OneOf(LAYOUTS)]`."""

    names: Collection[str]

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Accept what `Literal` of the names accepts, with the same error."""
        return core_schema.literal_schema(list(self.names))


class Settings(BaseModel):
    """Base class of every stage's settings. Field descriptions give unit, meaning and source."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, strict=False)

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, stage: str = "") -> Self:
        """Validate `values` (names to values, JSON types or strings).

        Raises:
            UserError: naming the setting, the given value and the allowed ones.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as invalid:
            raise UserError(explain(cls, invalid, stage)) from None

    @classmethod
    def resolve(
        cls,
        settings: Mapping[str, Any],
        own: Mapping[str, Any],
        changes: Mapping[str, Any] | None = None,
        *,
        stage: str = "",
    ) -> Self:
        """Resolve the settings of one task. Later arguments override earlier ones.

        Args:
            settings: Settings that all tasks of the stage share: a preset, `--set` and `--seed`, in this order.
            own: Parameters of the task that have names of settings, such as method, protocol and fold.
            changes: Settings that a sweep changes in this task.

        Raises:
            UserError: as `parse`.
        """
        return cls.parse({**settings, **own, **(changes or {})}, stage=stage)


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return the hint that ends an error about an unknown name: the nearest valid name, else all of them."""
    valid = sorted(valid)
    match = get_close_matches(name, valid, n=1, cutoff=0.5)
    return f"did you mean '{match[0]}'?" if match else f"choose from: {', '.join(valid)}"


def names_in(cls: type[BaseModel], path: Iterable[str]) -> list[str]:
    """Return the names of settings of a class, or of the settings nested in it along `path`."""
    for name in path:
        nested = cls.model_fields[name].annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            cls = nested
    return list(cls.model_fields)


def explain(cls: type[Settings], invalid: ValidationError, stage: str) -> str:
    """Explain the first error in `invalid` in one line."""
    error = invalid.errors()[0]
    name = ".".join(str(part) for part in error["loc"])
    full_name = f"{stage}.{name}" if stage and name else name or stage
    given = error["input"]
    if error["type"] == "extra_forbidden":
        *outer, unknown = map(str, error["loc"])
        return f"unknown setting '{full_name}': {nearest(unknown, names_in(cls, outer))}"
    if error["type"] == "literal_error":
        choices = [choice.strip(" '") for choice in error["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return f"setting '{full_name}' has no choice '{given}': {nearest(str(given), choices)}"
    message = error["msg"].removeprefix("Value error, ")
    return f"setting '{full_name}' = {given!r}: {message[0].lower()}{message[1:]}" if name else message
