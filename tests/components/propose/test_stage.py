"""From the parts of an adaptation to a candidate and its promotion, in a store of one user."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlflow import MlflowClient
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.registry.description import Description
from simpgan.components.core.registry.gate import GateSettings, MeasuredAdaptation
from simpgan.components.core.registry.model_registry import ModelRegistry
from simpgan.components.core.results.probes import write_probes
from simpgan.components.core.results.rows import write_results
from simpgan.components.propose import promotion, stage
from simpgan.components.propose.card import rates_table
from simpgan.components.propose.settings import ProposeSettings
from tests.components.core.registry.adaptations import write_classifier, write_translator
from tests.components.core.results.made_up import ranked, together
from tests.conftest import Ingested

SPLIT: dict[str, Any] = {"protocol": "folds10", "fold": 3}
Propose = Callable[..., Any]


def evaluation(folder: Path, *found: tuple[str, list[int]], **other: Any) -> Path:
    """Results in which methods have their correct images at those ranks."""
    folder.mkdir(parents=True)
    rows, probes = together(*(ranked(method, ranks, **{**SPLIT, **other}) for method, ranks in found))
    write_results(rows, folder / "results.json")
    write_probes(probes, folder / "probes.parquet")
    return folder


@pytest.fixture(scope="module")
def parts(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("parts")
    classifier = write_classifier(folder / "classifier", ingested)
    manifests = {"source": ingested.source, "target": ingested.target, "data_root": ingested.data_root}
    return {**manifests, "classifier": classifier, "translator": write_translator(folder / "f", ingested, classifier)}


@pytest.fixture
def propose(client: MlflowClient, parts: dict[str, Any], tmp_path: Path) -> Propose:
    """Propose `found`, ranks by method, and return the version and the verdict."""

    def run(method: str, *found: tuple[str, list[int]], champion: Path | None = None, **changed: Any) -> Any:
        place = tmp_path / f"proposal-{len(list(tmp_path.glob('proposal-*')))}"
        settings = ProposeSettings.parse({"method": method, "precision": "fp32", "batch": 8, **changed})
        given = {name: part for name, part in parts.items() if name != "translator" or "simpgan" in method}
        results = evaluation(place / "evaluation", *found)
        return stage.run(
            **given, evaluation=results, settings=settings, output=place / "out", evaluation_of_champion=champion
        )

    return run


def aliases() -> dict[str, int]:
    return {alias: version.number for version in ModelRegistry().versions() for alias in version.aliases}


def test_a_proposal_becomes_the_candidate_with_a_card_and_a_verdict(
    client: MlflowClient, propose: Propose, parts: dict[str, Any], tmp_path: Path
) -> None:
    found = ("direct", [1, 2, 3, 4]), ("simpgan+adabn", [1, 1, 1, 2])
    version, verdict = propose("simpgan+adabn", *found)
    assert verdict.passed
    assert aliases() == {"candidate": 1}
    assert version.tags["simpgan.rank-1"] == "75.0"
    assert version.tags["simpgan.split"] == "folds10:3"
    said = json.loads((tmp_path / "proposal-0" / "out" / "verdict.json").read_text())
    assert said["passed"]
    assert said["version"] == 1
    assert said["reasons"] == verdict.reasons
    card = (tmp_path / "proposal-0" / "out" / "card.md").read_text()
    assert client.get_model_version("simpgan", "1").description == card
    target = Manifest.load(parts["target"])
    for fact in (
        "# SimPGAN + AdaBN of market1501 for grid",
        f"| target | grid | {len(target.images)} |",
        target.digest[:12],
        f"only images were used, {len(target.rows('folds10', 3, 'train'))} of them",
        "| rank-1 | 75.0 | 25.0 to 100.0 | 25.0 |",
        "They are first translated into the style of market1501, as SimPGAN has learned to.",
        "statistics are those of grid's images after translation (AdaBN)",
        "It does not tell who somebody is",
        "resnet18, 32x16 pixels, 8 people",
    ):
        assert fact in card, card
    [run] = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    assert (run.info.run_name, run.info.status) == ("propose", "FINISHED")
    assert client.get_model_version("simpgan", "1").run_id == run.info.run_id
    assert run.data.metrics["model/rank-1"] == 75.0
    assert {file.path for file in client.list_artifacts(run.info.run_id)} >= {"verdict.json", "card.md"}


def test_the_card_names_the_cameras_that_take_the_statistics_of_the_whole_set(
    propose: Propose, parts: dict[str, Any], tmp_path: Path
) -> None:
    version, verdict = propose("camera-adabn", ("direct", [1, 2]), ("camera-adabn", [1, 1]))
    assert (verdict.passed, version.tags["simpgan.method"]) == (True, "camera-adabn")
    card = (tmp_path / "proposal-0" / "out" / "card.md").read_text()
    target = Manifest.load(parts["target"])
    of_camera_5 = (target.images["camera"].iloc[target.rows("folds10", 3, "train")] == 5).sum()
    assert "statistics are those of grid's images, for each camera those of its own (AdaBN)" in card
    assert "These cameras had too few images and take the statistics of the whole set: camera 1 (" in card
    assert f"camera 5 ({of_camera_5} images)" in card


def test_the_card_of_joined_features_names_every_classifier(
    propose: Propose, parts: dict[str, Any], ingested: Ingested, tmp_path: Path
) -> None:
    companion = write_classifier(tmp_path / "companion", ingested, seed=1)
    more = {"companions": [companion], "companion_sources": [ingested.source]}
    found = evaluation(tmp_path / "found", ("direct", [2, 2]))
    rows, probes = together(
        ranked("direct", [2, 2], **SPLIT), ranked("camera-adabn+joined", [1, 1], variant="with market1501", **SPLIT)
    )
    write_results(rows, found / "results.json")
    write_probes(probes, found / "probes.parquet")
    given = {name: part for name, part in parts.items() if name != "translator"}
    settings = ProposeSettings.parse({"precision": "fp32", "batch": 8})
    version, verdict = stage.run(**given, **more, evaluation=found, settings=settings, output=tmp_path / "out")
    assert version.tags["simpgan.method"] == "camera-adabn+joined with market1501"
    assert (verdict.passed, version.tags["simpgan.rank-1"]) == (True, "100.0")
    card = (tmp_path / "out" / "card.md").read_text()
    for fact in (
        "# AdaBN per camera + joined (with market1501) of market1501 for grid",
        "Its features are those of 2 classifiers side by side: one was trained on market1501, the\nother one on",
        "Each classifier's batch-norm statistics are those of grid's images, for each camera those of its own (AdaBN)",
        "- classifier: resnet18, 32x16 pixels, 8 people of market1501; seed 0",
        "- classifier 2: resnet18, 32x16 pixels, 8 people of market1501; seed 1",
    ):
        assert fact in card, card


def test_the_card_has_direct_transfer_of_the_same_seed(tmp_path: Path) -> None:
    """A file of two seeds, the other one first."""
    own = {"seed": 5, **SPLIT}
    rows, _ = together(
        ranked("direct", [1, 1], **SPLIT), ranked("direct", [1, 2], **own), ranked("adabn", [1, 1], **own)
    )
    write_results(rows, tmp_path / "results.json")
    about = Description(
        method="adabn",
        source="market1501",
        target="grid",
        variant="",
        order_seed=0,
        batch=8,
        digests={},
        files={},
        **own,
    )
    [rank_1, *_] = rates_table(MeasuredAdaptation.read(tmp_path, about), 99, 0)
    assert (rank_1["value"], rank_1["direct"]) == (100.0, "50.0")


def test_the_same_parts_are_one_version(propose: Propose) -> None:
    first, _ = propose("adabn", ("adabn", [1, 2]))
    again, _ = propose("adabn", ("adabn", [1, 2]))
    other, _ = propose("adabn", ("adabn", [1, 1]))
    assert (first.number, again.number, other.number) == (1, 1, 2)
    assert aliases() == {"candidate": 2}


def test_the_gate_decides_about_promotion_and_a_person_may_overrule_it(propose: Propose) -> None:
    settings = GateSettings()
    propose("adabn", ("direct", [3] * 8), ("adabn", [1] * 8), promote=True)
    assert aliases() == {"champion": 1}
    version, verdict = propose("simpgan+adabn", ("simpgan+adabn", [2] * 8), promote=True)
    assert not verdict.passed
    assert aliases() == {"champion": 1, "candidate": 2}
    assert version.tags["simpgan.verdict"] == "refused"
    with pytest.raises(UserError, match="simpgan version 2 is not promoted: rank-1 0"):
        promotion.promote(ModelRegistry(), "candidate", settings)
    promoted, _ = promotion.promote(ModelRegistry(), "candidate", settings, overruled="the champion's licence ended")
    assert promoted.tags["simpgan.overruled"] == "the champion's licence ended"
    assert aliases() == {"champion": 2, "previous": 1}
    with pytest.raises(UserError, match="simpgan version 2 is the champion already"):
        promotion.promote(ModelRegistry(), "2", settings)
    better, verdict = propose("simpgan", ("simpgan", [1] * 8), promote=True)
    assert verdict.reasons[0].endswith("over 8 probes (p = 0.0078): not worse")
    assert aliases() == {"champion": better.number, "previous": 2}
    unchanged, _ = propose("simpgan", ("simpgan", [1] * 8), promote=True)
    assert unchanged.number == better.number
    assert aliases() == {"champion": better.number, "previous": 2}


def test_what_was_never_evaluated_is_registered_and_not_promoted(propose: Propose) -> None:
    _, verdict = propose("adabn", ("direct", [1, 2]), promote=True)
    assert not verdict.passed
    assert aliases() == {"candidate": 1}
    with pytest.raises(UserError, match="AdaBN was never evaluated on this target"):
        promotion.promote(ModelRegistry(), "candidate", GateSettings())


def test_a_verdict_on_images_that_the_champion_never_saw_before_is_remembered(propose: Propose, tmp_path: Path) -> None:
    """In retraining both are evaluated on the new target, of which the champion's own evaluation knows nothing."""
    propose("adabn", ("adabn", [1, 2]), promote=True)
    _, verdict = propose("simpgan", ("simpgan", [1, 1, 1]))
    assert "the champion was not measured on the images" in verdict.in_words
    with pytest.raises(UserError, match="was not measured on the images"):
        promotion.promote(ModelRegistry(), "candidate", GateSettings())
    both = evaluation(tmp_path / "both", ("adabn", [1, 2, 2]), seed=7)
    version, verdict = propose("simpgan", ("simpgan", [1, 1, 1]), champion=both)
    assert (version.number, verdict.passed) == (2, True)
    promoted, verdict = promotion.promote(ModelRegistry(), "candidate", GateSettings())
    assert verdict.reasons[0].startswith("rank-1 100.0 against 33.3 of the champion")
    assert promoted.aliases == ("champion",)


@pytest.mark.parametrize(
    ("cameras", "with_companions", "method"),
    [
        ([1, 2], False, "camera-adabn"),
        ([1, 1], False, "adabn"),
        ([None, None], False, "adabn"),
        ([1, 2], True, "camera-adabn+joined"),
        ([1, 1], True, "adabn+joined"),
    ],
)
def test_without_a_method_statistics_are_per_camera_if_there_are_several(
    parts: dict[str, Any], cameras: list[int | None], with_companions: bool, method: str
) -> None:
    target = Manifest.load(parts["target"])
    images = target.images.head(2).assign(camera=pd.array(cameras, dtype="Int64"))
    of_cameras = Manifest(target.dataset, images, target.roles.head(0))
    assert stage.default_method(of_cameras, None, [parts["classifier"]] * with_companions) == method


def test_without_a_method_the_translators_is_taken(parts: dict[str, Any]) -> None:
    assert stage.default_method(Manifest.load(parts["target"]), parts["translator"], []) == "simpgan+camera-adabn"
