"""Find the parts of an adaptation among the outputs of a run on this machine, to register it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel

from simpgan.components.core.damaged_files import named_damage, read_json
from simpgan.components.core.data.translation_origin import read_origin
from simpgan.components.core.errors import UserError
from simpgan.components.core.registry.description import check_method
from simpgan.components.core.results.methods import TRANSLATORS, WITH_CLASSIFIER, joins, without_statistics
from simpgan.components.core.storage_errors import explained

if TYPE_CHECKING:
    from simpgan.pipelines.runner.local import Finished

FILE = "parts.json"
TRAINED_FOR_TARGET = ("counterparts", "self_trained", "simpgan_self_trained")
"""Inputs of evaluate that are classifiers of their own."""

REMEDY = "run the pipeline again to write it"


@dataclass(frozen=True)
class Parts:
    """The parts of an adaptation: folders of models, manifests and results.

    Attributes:
        source: manifest of the source.
        target: manifest of the target.
        classifier: model folder.
        results: folder of the evaluation.
        translator: model folder; None for a method without translation.
        companions: model folders of further classifiers; empty for a method whose features are not joined.
        companion_sources: manifests that they were trained on.
        variant: tells the translator from others of its method in the results.
    """

    source: Path
    target: Path
    classifier: Path
    results: Path
    translator: Path | None = None
    variant: str = ""
    companions: tuple[Path, ...] = ()
    companion_sources: tuple[Path, ...] = ()


class _Written(BaseModel):
    """The content of parts.json."""

    source: str
    target: str
    classifier: str
    results: str
    translated: list[str]
    translators: list[str]
    counterparts: list[str]
    companions: list[str]
    companion_sources: list[str]


def write_parts(finished: "Finished", out: Path) -> None:
    """Write down the inputs of the run's evaluate stage, relative to `out`, so that the folder can be moved."""

    def place(artifact: Any) -> str:
        return os.path.relpath(artifact.path, out)

    [given] = [arguments for stage, arguments in finished.tasks if stage == "evaluate"]
    parts: dict[str, Any] = {name: place(given[name]) for name in ("source", "target", "classifier")}
    for name in ("translated", "translators", "companions", "companion_sources"):
        parts[name] = [place(each) for each in given.get(name) or []]
    trained = [each for name in TRAINED_FOR_TARGET for each in given.get(name) or []]
    parts["counterparts"] = [place(each) for each in trained]
    parts["results"] = os.path.relpath(finished.output, out)
    (out / FILE).write_text(json.dumps(parts, indent=2) + "\n")


def find_parts(out: Path, method: str, protocol: str = "", fold: int = 0, variant: str = "") -> Parts:
    """Find the parts of one method's adaptation in a run.

    Args:
        out: folder of the run.
        method: method, such as simpgan+adabn.
        protocol: protocol of the translator, or of the classifier of the translated source, if there are several;
            empty: any.
        fold: fold of the protocol.
        variant: variant of a sweep.

    Raises:
        UserError: the folder is no finished run, or it has no such parts, or several.
    """
    check_method(method)
    if not (out / FILE).is_file():
        raise UserError(f"'{out}' has no {FILE}: give the --out of a finished simpgan run adapt")
    given = read_json(out / FILE, REMEDY)
    with named_damage(out / FILE, REMEDY):
        _Written.model_validate(given)
    classifier, common = (
        out / given["classifier"],
        {name: out / given[name] for name in ("source", "target", "results")},
    )
    base = without_statistics(method)
    if base in TRANSLATORS:
        made = [
            (out / translator, read_origin(out / translated)["variant"])
            for translator, translated in zip(given["translators"], given["translated"], strict=True)
        ]
        known = {translator: {**settings_of(translator), "variant": variant} for translator, variant in made}
        chosen = one_of(known, {"method": base, "variant": variant, **split(protocol, fold)}, out)
        return Parts(classifier=classifier, translator=chosen, variant=variant, **common)
    if base in WITH_CLASSIFIER:
        counterparts = [out / each for each in given["counterparts"]]
        known = {each: said_of_training(each, "adaptation") for each in counterparts}
        return Parts(classifier=one_of(known, {"method": base, **split(protocol, fold)}, out), **common)
    if joins(method):
        companions, sources = (
            tuple(out / each for each in given[name]) for name in ("companions", "companion_sources")
        )
        if not companions:
            raise UserError(f"'{out}' has one classifier: {method} needs a run with --combine features or both")
        return Parts(classifier=classifier, companions=companions, companion_sources=sources, **common)
    return Parts(classifier=classifier, **common)


def evaluated_with(out: Path) -> dict[str, Any]:
    """Return the settings with which a run's evaluation computed AdaBN."""
    path = out / "settings.yaml"
    with explained(str(path)):
        content = path.read_bytes()
    with named_damage(path, REMEDY):
        settings = yaml.safe_load(content)["evaluate"]
        return {name: settings[name] for name in ("seed", "batch", "precision")}


def split(protocol: str, fold: int) -> dict[str, Any]:
    """Return the wanted settings of a training; empty without a protocol."""
    return {"protocol": protocol, "fold": fold} if protocol else {}


def settings_of(translator: Path) -> dict[str, Any]:
    """Return the settings of a translator's training."""
    return said_of_training(translator, "settings")


def said_of_training(model: Path, name: str) -> dict[str, Any]:
    """Return the training under `name` in the config of a model folder, with method, protocol and fold.

    Raises:
        UserError: there is no config, or it is damaged.
    """
    path = model / "config.json"
    config = read_json(path, REMEDY)
    with named_damage(path, REMEDY):
        said = config[name]
        if not {"method", "protocol", "fold"} <= said.keys():
            raise ValueError(f"its {name} name no method, protocol and fold")
        return said


def one_of(known: dict[Path, dict[str, Any]], wanted: dict[str, Any], out: Path) -> Path:
    """Return the only model among those `known` by their training that matches everything wanted.

    Raises:
        UserError: no model matches, or several do.
    """
    fitting = [folder for folder, training in known.items() if all(training[name] == wanted[name] for name in wanted)]
    if len(fitting) == 1:
        return fitting[0]
    asked = ", ".join(f"{name} {value}" for name, value in wanted.items() if value != "")
    there = "; ".join(in_words(training) for training in known.values()) or "none"
    raise UserError(
        f"'{out}' has {len(fitting)} trainings with {asked}, where one is needed; it has {there}: "
        "choose by --method, --protocol and --variant"
    )


def in_words(training: dict[str, Any]) -> str:
    """Describe a training in words."""
    return "{method} {protocol}:{fold} ".format(**training) + training.get("variant", "")
