"""The plan of a run: its methods, their folds, and the settings of a sweep."""

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.methods import (
    METHODS,
    SELECTABLE,
    SELF_TRAINING,
    SIMPGAN_SELF_TRAINING,
    SOURCE_TO_TARGET,
    TRAINED,
    TRANSLATORS,
)
from simpgan.components.core.settings import nearest
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.pipelines.requests.data_sets import DataSet

UMDL = "umdl"
SPLIT = re.compile(r"(?P<protocol>[^:]+)(:(?P<first>\d+)(-(?P<last>\d+))?)?")

Changes = Mapping[str, Any]  # setting of train_gan to value


@dataclass(frozen=True)
class Split:
    """One fold of a protocol of the target."""

    protocol: str
    fold: int

    def as_item(self) -> dict[str, str]:
        """Return the item of a pipeline's list; all text, since KFP turns the integers of a list into floats."""
        return {"protocol": self.protocol, "fold": str(self.fold)}


@dataclass(frozen=True)
class PlannedAdaptation:
    """One translator to train: its method, its training images, and its settings of a sweep.

    Attributes:
        changes: Settings of train_gan that differ, as a JSON object.
    """

    method: str
    split: Split
    changes: str = "{}"

    def as_item(self) -> dict[str, str]:
        """Return the item of a pipeline's list."""
        return {"method": self.method, **self.split.as_item(), "changes": self.changes}


@dataclass(frozen=True)
class Plan:
    """Everything that is trained for one source and seed.

    Attributes:
        adaptations: Translators of the target.
        counterparts: Splits in which a classifier is trained on the source as SimPGAN's G translates it.
        umdl: Splits in which UMDL is learned.
        self_trainings: Splits on whose unlabelled images a classifier is trained.
        simpgan_self_trainings: Splits in which that starts from the classifier of a counterpart.
    """

    adaptations: tuple[PlannedAdaptation, ...]
    counterparts: tuple[Split, ...] = ()
    umdl: tuple[Split, ...] = ()
    self_trainings: tuple[Split, ...] = ()
    simpgan_self_trainings: tuple[Split, ...] = ()

    @property
    def methods(self) -> list[str]:
        """Return the methods, each once."""
        named = [adaptation.method for adaptation in self.adaptations]
        named += [SOURCE_TO_TARGET] if self.counterparts else []
        named += [UMDL] if self.umdl else []
        named += [SELF_TRAINING] if self.self_trainings else []
        named += [SIMPGAN_SELF_TRAINING] if self.simpgan_self_trainings else []
        return list(dict.fromkeys(named))

    @property
    def splits(self) -> list[Split]:
        """Return the splits in which something is trained, each once."""
        return list(dict.fromkeys([*self.with_gan, *self.umdl, *self.self_trainings]))

    @property
    def with_gan(self) -> list[Split]:
        """Return the splits in which GANs are trained, each once."""
        adapted = [each.split for each in self.adaptations]
        return list(dict.fromkeys([*adapted, *self.counterparts, *self.simpgan_self_trainings]))

    def as_arguments(self) -> dict[str, list[dict[str, str]]]:
        """Return the lists that a pipeline loops over."""
        return {
            "adaptations": [adaptation.as_item() for adaptation in self.adaptations],
            "counterparts": [split.as_item() for split in self.counterparts],
            "umdl_splits": [split.as_item() for split in self.umdl],
            "self_trainings": [split.as_item() for split in self.self_trainings],
            "simpgan_self_trainings": [split.as_item() for split in self.simpgan_self_trainings],
        }


def plan(
    settings: TrainGanSettings,
    methods: Sequence[str],
    protocols: Sequence[str],
    target: DataSet,
    sweep: Sequence[str] = (),
) -> Plan:
    """Plan every method in every fold; without methods or protocols, those of the settings.

    Args:
        protocols: Protocols with folds, such as `folds10:3` or `folds10:0-9`; fold 0 if none is given.
        sweep: Values such as `train_gan.lambda_similarity=0,0.1,1`, with each of which every translator is trained.

    Raises:
        UserError: A method, protocol, fold or setting does not exist, or the settings do not allow it.
    """
    refuse_unknown(methods)
    methods = list(dict.fromkeys(methods)) or [settings.method]
    translating = [method for method in methods if method in TRANSLATORS]
    if sweep and not translating:
        raise UserError(f"--sweep has nothing to train: add one of {', '.join(TRANSLATORS)} to --method")
    given = protocols or ([default_split(settings, target)] if {*TRAINED} & {*methods} else [])
    splits = find_splits(given, target)
    every_changes = combinations([parse_sweep(text) for text in sweep])
    adaptations = [
        adaptation_of(settings, method, split, changes)
        for split in splits
        for method in translating
        for changes in every_changes
    ]
    if UMDL in methods and not target.protocols("query"):
        raise UserError(f"umdl makes features of probes, and {target.name} has none: leave it out of --method")
    if {SOURCE_TO_TARGET, SIMPGAN_SELF_TRAINING} & set(methods):
        resolved(settings, "simpgan", splits[0], {})
    of_methods = {method: tuple(splits) for method in methods}
    return Plan(
        tuple(dict.fromkeys(adaptations)),
        of_methods.get(SOURCE_TO_TARGET, ()),
        of_methods.get(UMDL, ()),
        of_methods.get(SELF_TRAINING, ()),
        of_methods.get(SIMPGAN_SELF_TRAINING, ()),
    )


def refuse_unknown(methods: Iterable[str]) -> None:
    """Raise UserError for a method that `--method` does not take."""
    for method in methods:
        if method not in SELECTABLE:
            raise UserError(f"--method: unknown method '{method}': {nearest(method, SELECTABLE)}")


def find_splits(protocols: Sequence[str], target: DataSet) -> list[Split]:
    """Return the folds that texts such as `all250`, `folds10:3` and `folds10:0-9` mean, each once.

    A table that nobody looked at may have any protocols and folds.
    """
    known = target.protocols("train")
    unseen = target.is_table and target.seen is None
    splits = []
    for text in protocols:
        protocol = text.partition(":")[0]
        if protocol not in known and not unseen:
            raise UserError(f"{target.name} has no protocol '{protocol}' to train in: {nearest(protocol, known)}")
        match = SPLIT.fullmatch(text)
        if not match:
            raise UserError(f"--protocol '{text}' names no fold: write {protocol}:0 or {protocol}:0-9")
        first = int(match["first"] or 0)
        last = int(match["last"] or first)
        if last < first:
            raise UserError(f"--protocol '{text}' is an empty range: write {protocol}:{last}-{first}")
        if not unseen and last >= known[protocol]:
            raise UserError(
                f"{target.name}, protocol '{protocol}', has no fold {max(first, known[protocol])}: "
                f"they go from 0 to {known[protocol] - 1}"
            )
        splits += [Split(protocol, fold) for fold in range(first, last + 1)]
    return list(dict.fromkeys(splits))


def default_split(settings: TrainGanSettings, target: DataSet) -> str:
    """Return the split of the settings, or the first fold of the target's only protocol if that has another name.

    Protocols without probes count only if no protocol has any.

    Raises:
        UserError: No image of the target is for training.
    """
    known = target.protocols("train")
    offered = target.protocols("train", "query") or known
    if not offered:
        raise UserError(f"{target.name} has no training images: --method direct measures what needs none")
    if settings.protocol in known or len(offered) > 1:
        return f"{settings.protocol}:{settings.fold}"
    return f"{min(offered)}:0"


def every_split(target: DataSet) -> list[str]:
    """Return all protocols of the target that have training images and probes, with all their folds.

    Raises:
        UserError: There is none.
    """
    measured = target.protocols("train", "query")
    if not measured:
        raise UserError(
            f"{target.name} has no labels to measure with, and this pipeline compares what was measured: "
            "simpgan run adapt says what can be known without any"
        )
    return [f"{protocol}:0-{measured[protocol] - 1}" for protocol in sorted(measured)]


def parse_sweep(text: str) -> list[Changes]:
    """Parse `train_gan.rate=1e-4,2e-4` to one change per value.

    Raises:
        UserError: The text is not a list of values, or the setting cannot differ between adaptations.
    """
    name, equals, values = text.partition("=")
    stage, _, setting = name.strip().rpartition(".")
    if not equals or not values.strip() or stage.replace("-", "_") not in ("", "train_gan"):
        raise UserError(f"--sweep '{text}' is no list of values of train_gan: write train_gan.lambda_similarity=0.1,1")
    if setting not in TrainGanSettings.model_fields:
        raise UserError(f"unknown setting 'train_gan.{setting}': {nearest(setting, TrainGanSettings.model_fields)}")
    elsewhere = {"method": "--method", "protocol": "--protocol", "fold": "--protocol", "seed": "--seed"}
    if setting in elsewhere:
        raise UserError(f"--sweep '{text}': give several of them by {elsewhere[setting]}")
    try:
        return [{setting: yaml.safe_load(value)} for value in values.split(",")]
    except yaml.YAMLError:
        raise UserError(f"--sweep '{text}': a value is not valid YAML: quote it") from None


def combinations(sweeps: Sequence[Sequence[Changes]]) -> list[Changes]:
    """Return every combination of one value per sweep; without a sweep, one combination without changes."""
    return [{name: value for one in choice for name, value in one.items()} for choice in itertools.product(*sweeps)]


def adaptation_of(settings: TrainGanSettings, method: str, split: Split, changes: Changes) -> PlannedAdaptation:
    """Return the adaptation.

    SimPGAN with lambda_similarity 0 is CycleGAN, and methods without the loss ignore its weight.
    """
    if method == "simpgan" and changes.get("lambda_similarity") == 0:
        method = "cyclegan"
    if "similarity" not in METHODS[method].losses:
        changes = {name: value for name, value in changes.items() if name != "lambda_similarity"}
    complete = resolved(settings, method, split, changes)
    values = {name: plain(getattr(complete, name)) for name in changes}
    return PlannedAdaptation(method, split, json.dumps(values))


def resolved(settings: TrainGanSettings, method: str, split: Split, changes: Changes) -> TrainGanSettings:
    """Return all settings of an adaptation.

    Raises:
        UserError: They do not go together.
    """
    own = {"method": method, "protocol": split.protocol, "fold": split.fold}
    return TrainGanSettings.resolve(settings.model_dump(), own, changes, stage="train_gan")


def plain(value: Any) -> Any:
    """Return a value as results show it: 1 for 1.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
