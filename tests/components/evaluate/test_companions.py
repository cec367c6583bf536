"""Features of several classifiers are joined, each with its own statistics."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier, load_classifier
from simpgan.components.core.models.extraction import PreparedImages, extract, measure_statistics
from simpgan.components.core.models.model_folder import save_model
from simpgan.components.core.models.whitening import Whitening
from simpgan.components.core.results.probes import read_probes
from simpgan.components.core.results.rows import ResultsRow
from simpgan.components.core.results.unlabelled_checks import read_checks
from simpgan.components.evaluate import stage
from simpgan.components.evaluate.settings import EvaluateSettings
from tests.conftest import Ingested

SETTINGS = EvaluateSettings(
    protocols=["all250"], batch=8, precision="fp32", matched=False, verification=False, points_shown=4, probes_shown=1
)
LOOKING = {"batch": 8, "precision": "fp32"}


def write_classifier(folder: Path, source: Manifest, seed: int, height: int = 32) -> Path:
    """An untrained classifier of the source's people."""
    torch.manual_seed(seed)
    people = source.images["person"].iloc[source.rows(source.source_protocol, 0, "train")].nunique()
    network = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=people, height=height, width=32))
    config = {
        "classifier": network.config.model_dump(),
        "source": source.dataset,
        "protocol": source.source_protocol,
        "inputs": {"source": source.digest},
        "settings": {"seed": seed, "verification_weight": 1.0},
    }
    save_model(folder, {"classifier": network}, config)
    return folder


@pytest.fixture(scope="module")
def folders(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of the source, and another of the same images under another name."""
    folder = tmp_path_factory.mktemp("companions")
    source = Manifest.load(ingested.source)
    other = replace(source, dataset="elsewhere")
    other.save(folder / "elsewhere")
    write_classifier(folder / "first", source, 0)
    write_classifier(folder / "second", other, 1)
    return folder


@pytest.fixture(scope="module")
def results(ingested: Ingested, folders: Path) -> list[ResultsRow]:
    return stage.run(
        ingested.source,
        ingested.target,
        folders / "first",
        SETTINGS,
        ingested.data_root,
        folders / "results",
        companions=[folders / "second"],
        companion_sources=[folders / "elsewhere"],
    )


def test_every_way_to_look_has_a_row_of_joined_features(results: list[ResultsRow]) -> None:
    joined = {row.method: row for row in results if "joined" in row.method}
    camera_rows = {f"camera-adabn+joined{part}" for part in ("", "+fused", "+whitened")}
    assert set(joined) == {"direct+joined", "adabn+joined"} | camera_rows
    assert {(row.source, row.variant, row.seed) for row in joined.values()} == {("market1501", "with elsewhere", 0)}
    assert {row.variant for row in results if "joined" not in row.method} == {""}
    assert len({row.key for row in results}) == len(results)


@pytest.mark.parametrize(
    "method",
    [
        "direct+joined",
        "adabn+joined",
        "camera-adabn+joined",
        "camera-adabn+joined+fused",
        "camera-adabn+joined+whitened",
    ],
)
def test_people_are_ranked_by_the_mean_cosine_of_all_classifiers(
    ingested: Ingested, folders: Path, results: list[ResultsRow], method: str
) -> None:
    target = Manifest.load(ingested.target)
    probes, gallery, unlabelled = (target.rows("all250", 0, role) for role in ("query", "gallery", "train"))
    cosines = []
    for name in ("first", "second"):
        network = load_classifier(folders / name)[0].eval()
        images = PreparedImages(target, ingested.data_root)
        measured = measure_statistics(network, images, unlabelled, **LOOKING, seed=0, by_camera=True)
        ways = {"direct": [None], "adabn": [measured.of_whole_set], "camera-adabn": [measured]}[
            method.partition("+")[0]
        ]
        for statistics in [None, *ways] if method.endswith("fused") else ways:
            unit = [
                extract(network, images, rows, **LOOKING, statistics=statistics).unit
                for rows in (probes, gallery, unlabelled)
            ]
            if method.endswith("whitened"):
                unit = [Whitening.of(unit[2])(each) for each in unit]
            cosines.append(unit[0] @ unit[1].T)
    similarity = np.mean(cosines, axis=0)
    person, camera = (target.images[each].fillna(-1).to_numpy(int) for each in ("person", "camera"))
    expected = {}
    for place, probe in enumerate(probes):
        seen = (person[gallery] != person[probe]) | (camera[gallery] != camera[probe])
        order = np.argsort(-similarity[place][seen])
        hits = np.flatnonzero(person[gallery][seen][order] == person[probe])
        if len(hits):
            expected[target.images["name"][probe]] = hits[0] + 1
    table = read_probes(folders / "results" / "probes.parquet")
    found = table[(table["method"] == method) & (table["first_rank"] > 0)]
    assert dict(zip(found["probe"], found["first_rank"], strict=True)) == expected


def test_label_free_checks_of_joined_features_are_the_means_of_those_of_each_classifier(
    ingested: Ingested, folders: Path, results: list[ResultsRow], tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    stage.run(folders / "elsewhere", ingested.target, folders / "second", SETTINGS, ingested.data_root, alone)
    both, second = (read_checks(folder / "checks.json").methods for folder in (folders / "results", alone))
    for method in ("direct", "adabn", "camera-adabn"):
        joined = both[f"{method}+joined with elsewhere"]
        for name in ("frechet", "neighbours", "entropy"):
            mean = (getattr(both[method], name) + getattr(second[method], name)) / 2
            assert getattr(joined, name) == pytest.approx(mean)


def test_a_target_without_labels_has_checks_of_joined_features(
    ingested: Ingested, folders: Path, tmp_path: Path
) -> None:
    target = Manifest.load(ingested.target)
    replace(target, roles=target.roles[target.roles["role"] == "train"]).save(tmp_path / "target")
    given = {"companions": [folders / "second"], "companion_sources": [folders / "elsewhere"]}
    rows = stage.run(
        ingested.source, tmp_path / "target", folders / "first", SETTINGS, ingested.data_root, tmp_path / "out", **given
    )
    assert rows == []
    assert "camera-adabn+joined with elsewhere" in read_checks(tmp_path / "out" / "checks.json").methods


@pytest.mark.parametrize(
    ("companions", "sources", "message"),
    [
        (["second"], [], "was trained on elsewhere, whose manifest is not given"),
        (["second"], ["elsewhere", "market1501"], "no companion was trained on the manifest in '.*market1501'"),
        ([], ["elsewhere"], "no companion was trained on the manifest in '.*elsewhere'"),
        (["second", "second"], ["elsewhere"], "is given twice, or is the classifier itself"),
        (["first"], ["market1501"], "is given twice, or is the classifier itself"),
        (["larger"], ["market1501"], "looks at images of 64x32 pixels, and the classifier at 32x32 pixels"),
        (["of_target"], ["grid"], "source and target are both grid"),
        (["counterpart"], ["market1501"], "was trained for one split of a target"),
    ],
)
def test_companions_that_cannot_be_joined_are_refused(
    ingested: Ingested, folders: Path, tmp_path: Path, companions: list[str], sources: list[str], message: str
) -> None:
    source, target = Manifest.load(ingested.source), Manifest.load(ingested.target)
    write_classifier(tmp_path / "larger", source, 2, height=64)
    write_classifier(tmp_path / "of_target", target, 2)
    network, config = load_classifier(folders / "first")
    save_model(tmp_path / "counterpart", {"classifier": network}, {**config, "adaptation": {"protocol": "all250"}})
    manifests = {"elsewhere": folders / "elsewhere", "market1501": ingested.source, "grid": ingested.target}
    given = [next(each / name for each in (folders, tmp_path) if (each / name).exists()) for name in companions]
    with pytest.raises(UserError, match=message):
        stage.run(
            ingested.source,
            ingested.target,
            folders / "first",
            SETTINGS,
            ingested.data_root,
            tmp_path / "out",
            companions=given,
            companion_sources=[manifests[name] for name in sources],
        )
