"""Profiles: the cluster resources of a pipeline's pods, in YAML files that may extend one another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simpgan import components
from simpgan.components.core.errors import UserError
from simpgan.components.core.settings import nearest
from simpgan.pipelines.config.profiles.settings import Profile, StageProfile
from simpgan.pipelines.config.yaml_layers import Kind, Values

EVERY_STAGE = "every_stage"
EXAMPLE = "stages: {train_gan: {gpus: 1}}"
STAGES = sorted(path.parent.name for path in Path(components.__file__).parent.glob("*/component.py"))


def read_profile(profile: str) -> Profile:
    """Read a profile. Each stage gets the values of every_stage, overridden by its own.

    Args:
        profile: A name from `names()`, or the path of a YAML file.

    Raises:
        UserError: There is no such profile, it extends itself, or a name or value is wrong.
    """
    values: Values = {}
    for layer in PROFILES.layers(profile):
        values = merged(values, layer)
    of_every = values.pop(EVERY_STAGE, {})
    of_stage = values.pop("stages", {})
    stages = {name: merged(of_every, of_stage.get(name, {})) for name in STAGES}
    resolved = {name: StageProfile.parse(each, stage=f"stages.{name}") for name, each in stages.items()}
    return Profile.parse({**values, "stages": resolved}, stage=f"profile {Path(profile).stem}")


def merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> Values:
    """Return `values` overridden by `over`. Nested mappings are merged in the same way; lists are replaced."""
    return {
        name: merged(values[name], over[name])
        if isinstance(values.get(name), Mapping) and isinstance(over.get(name), Mapping)
        else over.get(name, values.get(name))
        for name in {**values, **over}
    }


def check(path: Path, content: Values) -> None:
    """Raise UserError for an unknown setting or stage, or a stage that is not a mapping of settings."""
    refuse_unknown(path, "setting", content, [EVERY_STAGE, *Profile.model_fields])
    stages = content.get("stages", {})
    if not isinstance(stages, Mapping):
        raise UserError(f"profile {path}: 'stages' is not a mapping of stages: write '{EXAMPLE}'")
    refuse_unknown(path, "stage", stages, STAGES)
    for name, values in (*stages.items(), (EVERY_STAGE, content.get(EVERY_STAGE, {}))):
        if not isinstance(values, Mapping):
            raise UserError(f"profile {path}: '{name}' is not a mapping of settings: write '{EXAMPLE}'")


def refuse_unknown(path: Path, what: str, given: Mapping[str, Any], known: list[str]) -> None:
    """Raise UserError for a name that is not in `known`."""
    for name in given:
        if name not in known:
            raise UserError(f"profile {path}: unknown {what} '{name}': {nearest(str(name), known)}")


PROFILES = Kind("profile", Path(__file__).parent, EXAMPLE, "cpu", check)
names = PROFILES.names
