"""The model card of a registered adaptation: its parts, its measured quality and its intended use."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.models.camera_statistics import cameras_with_few, few_in_words
from simpgan.components.core.models.companions import companions_in
from simpgan.components.core.models.model_folder import read_config
from simpgan.components.core.process import provenance
from simpgan.components.core.registry.adaptation import COMPANIONS
from simpgan.components.core.registry.description import Description
from simpgan.components.core.registry.gate import MeasuredAdaptation
from simpgan.components.core.results.intervals import intervals
from simpgan.components.core.results.methods import CAMERA_ADABN, METHODS, SELF_TRAINED, name_of, title_of
from simpgan.components.core.results.pages import environment
from simpgan.components.core.results.rows import MAIN_RATES

OF_CLASSIFIER = ("preset", "epochs", "seed", "weights")
OF_TRANSLATION = ("steps", "seed")


def render_card(folder: Path, description: Description, measured: MeasuredAdaptation, resamples: int, seed: int) -> str:
    """Render the card of an adaptation as Markdown.

    Args:
        folder: folder of the adaptation.
        description: description of the adaptation.
        measured: its evaluation.
        resamples: draws of the bootstrap.
        seed: seed of the bootstrap.
    """
    target = Manifest.load(folder / "target")
    unlabelled = target.rows(description.protocol, description.fold, "train")
    per_camera = description.statistics == CAMERA_ADABN
    return (
        environment("simpgan.components.propose", autoescape=False)
        .get_template("card.md.j2")
        .render(
            about=description,
            title=title_of(description.method, description.variant),
            base=name_of(description.base),
            self_trained=SELF_TRAINED,
            data=[data_facts(part, Manifest.load(place)) for part, place in manifests_of(folder)],
            others=[read_config(place / "classifier")["source"] for place in companions_in(folder / COMPANIONS)],
            unlabelled=len(unlabelled),
            per_camera=per_camera,
            few=few_in_words([cameras_with_few(target, unlabelled)]) if per_camera else "",
            training=training(folder, description),
            row=measured.row,
            direct=measured.direct_row,
            rates=rates_table(measured, resamples, seed),
            checks=measured.checks,
            date=provenance.today(),
            commit=provenance.commit(),
        )
    )


def manifests_of(folder: Path) -> list[tuple[str, Path]]:
    """Return the manifests in an adaptation's folder: what each is, and its place."""
    sources = [("source", place / "source") for place in companions_in(folder / COMPANIONS)]
    return [("source", folder / "source"), *sources, ("target", folder / "target")]


def data_facts(part: str, manifest: Manifest) -> dict[str, Any]:
    """Return a manifest's name, digest and counts."""
    images = manifest.images
    return {
        "part": part,
        "name": manifest.dataset,
        "images": len(images),
        "people": images["person"].nunique() or "unknown",
        "cameras": images["camera"].nunique() or "unknown",
        "digest": manifest.digest[:12],
    }


def training(folder: Path, description: Description) -> dict[str, str]:
    """Return a description of each network's training, by network."""
    said = {"classifier": classifier_in_words(folder / "classifier")}
    for number, place in enumerate(companions_in(folder / COMPANIONS), start=2):
        said[f"classifier {number}"] = classifier_in_words(place / "classifier")
    if description.translates:
        config = read_config(folder / "translator")
        generator = config["generator"]
        weights = [f"lambda_{loss}" for loss in METHODS[description.base].losses]
        said["translator"] = (
            f"{generator['channels']} channels, {generator['blocks']} blocks, {generator['height']}x"
            f"{generator['width']} pixels; {settings_in_words(config['settings'], (*OF_TRANSLATION, *weights))}"
        )
    if description.statistics:
        of_cameras = " of each camera" if description.statistics == CAMERA_ADABN else ""
        said["batch normalisation"] = f"statistics of the target's images{of_cameras} as the classifier gets them"
    return said


def classifier_in_words(folder: Path) -> str:
    """Return a description of a classifier and its training."""
    config = read_config(folder)
    network = config["classifier"]
    return (
        f"{network['backbone']}, {network['height']}x{network['width']} pixels, {network['identities']} people of "
        f"{config['source']}; {settings_in_words(config['settings'], OF_CLASSIFIER)}"
    )


def settings_in_words(settings: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """Return some settings as a list in words; a file of weights without its folder."""
    known = {name: settings[name] for name in names if settings.get(name) not in (None, "")}
    return ", ".join(f"{name} {Path(value).name if name == 'weights' else value}" for name, value in known.items())


def rates_table(measured: MeasuredAdaptation, resamples: int, seed: int) -> list[dict[str, Any]]:
    """Return rates in percent with their intervals over probes, and those of direct transfer."""
    if measured.row is None:
        return []
    known = {each.rate: each for each in intervals([measured.row], measured.probes, resamples, seed)}
    direct = measured.direct_row.model_dump(by_alias=True) if measured.direct_row else {}
    return [
        {
            "name": rate,
            "value": measured.row.model_dump(by_alias=True)[rate],
            "interval": f"{known[rate].low:.1f} to {known[rate].high:.1f}" if rate in known else "unknown",
            "direct": f"{direct[rate]:.1f}" if direct else "unknown",
        }
        for rate in MAIN_RATES
    ]
