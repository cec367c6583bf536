"""Profiles: what a pipeline's pods ask of a cluster, in YAML files that may extend one another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

import components
from components.core.runtime.errors import UserError
from components.core.runtime.settings import nearest
from pipelines.profiles.settings import Profile, StageProfile

FOLDER = Path(__file__).parent
EVERY_STAGE = "every_stage"
STAGES = sorted(path.parent.name for path in Path(components.__file__).parent.glob("*/component.py"))

Values = dict[str, Any]


def names() -> list[str]:
    """The profiles that come with the software."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_profile(profile: str) -> Profile:
    """The profile, resolved: each stage has what the file says of every stage, and what it says of that one.

    Args:
        profile: a name from `names()`, or the path of a YAML file.

    Raises:
        UserError: no such profile, one that extends itself, an unknown name, a wrong value.
    """
    values: Values = {}
    for layer in reversed(layers(profile)):
        values = merged(values, layer)
    of_every = values.pop(EVERY_STAGE, {})
    of_stage = values.pop("stages", {})
    stages = {name: merged(of_every, of_stage.get(name, {})) for name in STAGES}
    resolved = {name: StageProfile.parse(each, stage=f"stages.{name}") for name, each in stages.items()}
    return Profile.parse({**values, "stages": resolved}, stage=f"profile {Path(profile).stem}")


def merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> Values:
    """`values` with those of `over` in their place; mappings within are merged likewise, lists are replaced."""
    return {
        name: merged(values[name], over[name])
        if isinstance(values.get(name), Mapping) and isinstance(over.get(name), Mapping)
        else over.get(name, values.get(name))
        for name in {**values, **over}
    }


def layers(profile: str) -> list[Values]:
    """The profile's own values, then those of the profile it extends, and so on."""
    found: list[Values] = []
    seen: list[Path] = []
    extends: str | None = profile
    while extends:
        path = profile_path(extends, seen[-1] if seen else None)
        if path in seen:
            raise UserError(f"profile {path} extends itself: remove one 'extends' of {', '.join(map(str, seen))}")
        seen.append(path)
        content = read_mapping(path)
        extends = content.pop("extends", None)
        if not isinstance(extends, str | None):
            raise UserError(f"profile {path}: 'extends' names no profile: write one name, such as 'extends: cpu'")
        found.append(content)
    return found


def profile_path(profile: str, extended_by: Path | None) -> Path:
    """Where a profile's file is; one that is extended may lie beside the file that extends it."""
    if profile.endswith((".yaml", ".yml")):
        path = Path(profile) if extended_by is None else extended_by.parent / profile
        if not path.is_file():
            raise UserError(f"profile file {path} does not exist: give an existing file or one of {names()}")
        return path.resolve()
    if profile not in names():
        raise UserError(f"unknown profile '{profile}': {nearest(profile, names())}")
    return FOLDER / f"{profile}.yaml"


def read_mapping(path: Path) -> Values:
    """The values of one file, with its `extends`; all names in it are known ones."""
    try:
        content = yaml.safe_load(path.read_text()) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"profile {path} is not YAML: {' '.join(str(error).split())}") from None
    example = "write 'stages: {train_gan: {gpus: 1}}'"
    if not isinstance(content, Mapping):
        raise UserError(f"profile {path} holds no mapping: {example}")
    refuse_unknown(path, "setting", content, ["extends", EVERY_STAGE, *Profile.model_fields])
    stages = content.get("stages", {})
    if not isinstance(stages, Mapping):
        raise UserError(f"profile {path}: 'stages' holds no mapping of stages: {example}")
    refuse_unknown(path, "stage", stages, STAGES)
    for name, values in (*stages.items(), (EVERY_STAGE, content.get(EVERY_STAGE, {}))):
        if not isinstance(values, Mapping):
            raise UserError(f"profile {path}: '{name}' holds no mapping of settings: {example}")
    return dict(content)


def refuse_unknown(path: Path, what: str, given: Mapping[str, Any], known: list[str]) -> None:
    """Raise UserError for a name that is not known."""
    for name in given:
        if name not in known:
            raise UserError(f"profile {path}: unknown {what} '{name}': {nearest(str(name), known)}")
