"""The settings of a run: presets that extend one another, then `--set`, then `--seed`; all checked at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from simpgan.components.core.errors import UserError
from simpgan.components.core.settings import Settings, nearest
from simpgan.components.drift.settings import DriftSettings
from simpgan.components.evaluate.settings import EvaluateSettings
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.pretrain.settings import PretrainSettings
from simpgan.components.propose.settings import ProposeSettings
from simpgan.components.summarise.settings import SummariseSettings
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.components.translate.settings import TranslateSettings
from simpgan.components.umdl.settings import UmdlSettings
from simpgan.pipelines.config.yaml_layers import Kind

STAGES: dict[str, type[Settings]] = {
    "ingest": IngestSettings,
    "pretrain": PretrainSettings,
    "train_gan": TrainGanSettings,
    "translate": TranslateSettings,
    "umdl": UmdlSettings,
    "evaluate": EvaluateSettings,
    "summarise": SummariseSettings,
    "drift": DriftSettings,
    "propose": ProposeSettings,
}

Values = dict[str, dict[str, Any]]  # stage to setting to value


@dataclass(frozen=True)
class RunSettings:
    """The resolved settings of every stage."""

    ingest: IngestSettings
    pretrain: PretrainSettings
    train_gan: TrainGanSettings
    translate: TranslateSettings
    umdl: UmdlSettings
    evaluate: EvaluateSettings
    summarise: SummariseSettings
    drift: DriftSettings
    propose: ProposeSettings

    def as_values(self) -> Values:
        """All settings in JSON types, without the layout, which belongs to the data and not to a run."""
        return {stage: getattr(self, stage).model_dump(mode="json", exclude={"layout"}) for stage in STAGES}

    def as_yaml(self) -> str:
        """All settings as a preset, which `resolve` reads back to the same settings."""
        return yaml.safe_dump(self.as_values(), sort_keys=False)


def resolve(preset: str | None, assignments: Iterable[str], seed: int | None, layout: str) -> RunSettings:
    """Settings of all stages from a preset (none: the defaults), `stage.setting=value` texts, and a seed.

    The seed replaces that of every stage that has one. The layout is that of the source.

    Raises:
        UserError: for the first unknown name, wrong type or impossible combination.
    """
    values = stage_values(preset, map(parse_assignment, assignments), seed)
    values["ingest"]["layout"] = layout
    parsed: dict[str, Any] = {stage: settings.parse(values[stage], stage=stage) for stage, settings in STAGES.items()}
    return RunSettings(**parsed)


def stage_values(preset: str | None, assignments: Iterable[tuple[str, str, Any]], seed: int | None) -> Values:
    """What a preset, then assignments, then a seed say; every stage has an entry. Names are not checked.

    The preset's own name is a setting of evaluate, which records it.
    """
    values: Values = {stage: {} for stage in STAGES}
    for stage, settings in (read_preset(preset) if preset else {}).items():
        values[stage].update(settings)
    if preset:
        values["evaluate"].setdefault("preset", Path(preset).stem)
    for stage, setting, value in assignments:
        values[stage][setting] = value
    if seed is not None:
        for stage, settings_class in STAGES.items():
            if "seed" in settings_class.model_fields:
                values[stage]["seed"] = seed
    return values


def parse_assignment(text: str, default_stage: str | None = None) -> tuple[str, str, Any]:
    """`train_gan.steps=300` as ("train_gan", "steps", 3); without a stage, `default_stage` is meant.

    Raises:
        UserError: no `=`, no stage where one is needed, an unknown stage, or a value that is not YAML.
    """
    name, equals, value = text.partition("=")
    stage, _, setting = name.strip().rpartition(".")
    stage = stage.replace("-", "_") or default_stage or ""
    example = f"--set {setting or 'setting'}=value" if default_stage else "--set train_gan.steps=300"
    if not equals or not setting or not stage:
        raise UserError(f"--set '{text}' is not an assignment: write it like {example}")
    if stage not in STAGES:
        raise UserError(f"--set '{text}': unknown stage '{stage}': {nearest(stage, STAGES)}")
    try:
        return stage, setting, yaml.safe_load(value)
    except yaml.YAMLError:
        raise UserError(f"--set '{text}': the value is not valid YAML: quote it") from None


def read_preset(preset: str) -> Values:
    """Stage to setting to value of a preset, with those of the presets it extends.

    Args:
        preset: a name from `names()`, or the path of a YAML file (such as a run's settings.yaml).

    Raises:
        UserError: no such preset, one that extends itself, or a file of another form.
    """
    values: Values = {}
    for layer in PRESETS.layers(preset):
        for stage, settings in layer.items():
            values.setdefault(stage, {}).update(settings)
    return values


def check(path: Path, content: Values) -> None:
    """Raise UserError for an unknown stage, or one without settings."""
    for stage, settings in content.items():
        if stage not in STAGES:
            raise UserError(f"preset {path}: unknown stage '{stage}': {nearest(str(stage), STAGES)}")
        if not isinstance(settings, Mapping):
            raise UserError(f"preset {path}: '{stage}' holds no mapping of settings: write '{stage}: {{name: value}}'")


PRESETS = Kind("preset", Path(__file__).parent, "train_gan: {steps: 300}", "small", check)
names = PRESETS.names
