"""The settings of a run: presets that extend one another, then `--set`, then `--seed`, checked together."""

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
from simpgan.components.self_train.settings import SelfTrainSettings
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
    "self_train": SelfTrainSettings,
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
    self_train: SelfTrainSettings
    umdl: UmdlSettings
    evaluate: EvaluateSettings
    summarise: SummariseSettings
    drift: DriftSettings
    propose: ProposeSettings

    def as_values(self) -> Values:
        """Return all settings in JSON types, without the layout, which belongs to the data set."""
        return {stage: getattr(self, stage).model_dump(mode="json", exclude={"layout"}) for stage in STAGES}

    def as_yaml(self) -> str:
        """Return all settings as a preset, which `resolve` reads back to the same settings."""
        return yaml.safe_dump(self.as_values(), sort_keys=False)


def resolve(preset: str | None, assignments: Iterable[str], seed: int | None, layout: str) -> RunSettings:
    """Resolve the settings of all stages.

    Args:
        preset: Name or file of a preset; None: the defaults.
        assignments: Texts `stage.setting=value`, which override the preset.
        seed: Seed of every stage that has one; None: unchanged.
        layout: Layout of the source.

    Raises:
        UserError: A name is unknown, a value has the wrong type, or settings do not go together.
    """
    values = stage_values(preset, map(parse_assignment, assignments), seed)
    values["ingest"]["layout"] = layout
    parsed: dict[str, Any] = {stage: settings.parse(values[stage], stage=stage) for stage, settings in STAGES.items()}
    return RunSettings(**parsed)


def stage_values(preset: str | None, assignments: Iterable[tuple[str, str, Any]], seed: int | None) -> Values:
    """Merge a preset, assignments and a seed, in this order. Every stage has an entry; names are not checked.

    The name of the preset becomes a setting of evaluate, which records it.
    """
    values: Values = {stage: {} for stage in STAGES}
    for stage, settings in (read_preset(preset) if preset else {}).items():
        values[stage] = layered(values[stage], settings)
    if preset:
        values["evaluate"].setdefault("preset", Path(preset).stem)
    for stage, setting, value in assignments:
        values[stage] = layered(values[stage], {setting: value})
    if seed is not None:
        for stage, settings_class in STAGES.items():
            if "seed" in settings_class.model_fields:
                values[stage]["seed"] = seed
    return values


def parse_assignment(text: str, default_stage: str | None = None) -> tuple[str, str, Any]:
    """Parse `train_gan.steps=300` to ("train_gan", "steps", 300). Without a stage, it is `default_stage`.

    `ingest.columns.person=pid`, a part of a setting, becomes ("ingest", "columns", {"person": "pid"}).

    Raises:
        UserError: The text has no `=`, no stage although one is needed, an unknown stage, or a value that is not YAML.
    """
    name, equals, value = text.partition("=")
    first, *parts = name.strip().split(".")
    stage = first.replace("-", "_")
    if default_stage and stage not in STAGES and (not parts or first in STAGES[default_stage].model_fields):
        stage, parts = default_stage, [first, *parts]
    setting = ".".join(parts)
    example = f"--set {setting or 'setting'}=value" if default_stage else "--set train_gan.steps=300"
    if not equals or not setting or not stage:
        raise UserError(f"--set '{text}' is not an assignment: write it like {example}")
    if stage not in STAGES:
        raise UserError(f"--set '{text}': unknown stage '{stage}': {nearest(stage, STAGES)}")
    try:
        given = yaml.safe_load(value)
    except yaml.YAMLError:
        raise UserError(f"--set '{text}': the value is not valid YAML: quote it") from None
    for part in reversed(parts[1:]):
        given = {part: given}
    return stage, parts[0], given


def layered(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of both; those of `above` win, setting by setting also inside of nested settings."""
    both = dict(below)
    for name, value in above.items():
        inside = both.get(name)
        both[name] = layered(inside, value) if isinstance(inside, Mapping) and isinstance(value, Mapping) else value
    return both


def read_preset(preset: str) -> Values:
    """Read a preset and the presets it extends: stage to setting to value.

    Args:
        preset: A name from `names()`, or the path of a YAML file, such as a run's settings.yaml.

    Raises:
        UserError: There is no such preset, it extends itself, or its file has another form.
    """
    values: Values = {}
    for layer in PRESETS.layers(preset):
        for stage, settings in layer.items():
            values[stage] = layered(values.get(stage, {}), settings)
    return values


def check(path: Path, content: Values) -> None:
    """Raise UserError for an unknown stage, or a stage that is not a mapping of settings."""
    for stage, settings in content.items():
        if stage not in STAGES:
            raise UserError(f"preset {path}: unknown stage '{stage}': {nearest(str(stage), STAGES)}")
        if not isinstance(settings, Mapping):
            raise UserError(f"preset {path}: '{stage}' is not a mapping of settings: write '{stage}: {{name: value}}'")


PRESETS = Kind("preset", Path(__file__).parent, "train_gan: {steps: 300}", "small", check)
names = PRESETS.names
