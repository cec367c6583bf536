"""What the self_train stage writes, and that it continues, reads no labels, and refuses what it cannot learn from."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import load_classifier
from simpgan.components.core.tracking import read_history
from simpgan.components.self_train import stage, trainer
from simpgan.components.self_train.settings import SelfTrainSettings
from simpgan.components.self_train.trainer import SelfTrainer
from tests.components.self_train.data_set import tiny, write_classifier
from tests.conftest import Ingested

TRANSLATION = {
    "settings": {"method": "simpgan", "protocol": "standard", "fold": 0, "seed": 0, "steps": 250},
    "direction": "source-to-target",
}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classifier(tmp_path_factory.mktemp("start") / "classifier")


@pytest.fixture(scope="module")
def trained(ingested: Ingested, classifier: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    stage.run(classifier, ingested.source, tiny(), data_root(ingested, out / "data"), out / "classifier")
    return out / "classifier"


def data_root(ingested: Ingested, folder: Path) -> str:
    """A data root of its own, so without checkpoints, with the shards of all."""
    folder.mkdir(parents=True)
    (folder / "shards").symlink_to(Path(ingested.data_root) / "shards")
    return str(folder)


def run(ingested: Ingested, classifier: Path, folder: Path, settings: SelfTrainSettings, **changes: Path) -> Path:
    """Run the stage in a new data root. Return the output."""
    target = changes.pop("target", ingested.source)
    stage.run(classifier, target, settings, data_root(ingested, folder / "data"), folder / "out", **changes)
    return folder / "out"


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_the_classifier_is_written_for_every_later_stage(trained: Path) -> None:
    network, config = load_classifier(trained)
    assert (config["source"], config["protocol"], config["target"]) == ("market1501", "standard", "market1501")
    epoch = config["selection"]["epoch"]
    assert config["adaptation"] == {
        "method": "self-training",
        "protocol": "standard",
        "fold": 0,
        "seed": 0,
        "steps": 3 * epoch,
    }
    assert network.config.identities == 8


def test_every_epoch_is_recorded_and_shown(trained: Path) -> None:
    entries = [(entry.step, entry.values) for entry in read_history(trained / "history.jsonl")]
    counts = [step for step, values in entries if "clusters/count" in values]
    scores = [step for step, values in entries if "clusters/score" in values]
    assert (counts, scores) == ([0, 2, 5], [2, 5])
    assert len([step for step, values in entries if "loss/target" in values]) == 6
    page = (trained / "clusters.html").read_text()
    assert page.count("<tr") == 1 + 3
    assert page.count("<img") > 12
    assert "camera " in page


def test_training_changes_the_backbone_but_not_the_heads(classifier: Path, trained: Path) -> None:
    before, after = (load_file(folder / "model.safetensors") for folder in (classifier, trained))
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert "classifier.backbone.conv1.weight" in changed
    assert "classifier.backbone.bn1.running_mean" in changed
    assert not any("head" in name for name in changed)


def test_labels_of_the_target_are_not_read(ingested: Ingested, classifier: Path, trained: Path, tmp_path: Path) -> None:
    manifest = Manifest.load(ingested.source)
    people = manifest.images["person"]
    for name, wrong in (("shuffled", people.sample(frac=1, random_state=1).array), ("unknown", pd.NA)):
        replace(manifest, images=manifest.images.assign(person=wrong)).save(tmp_path / name)
        out = run(ingested, classifier, tmp_path / f"{name}-run", tiny(), target=tmp_path / name)
        assert weights(out) == weights(trained)


def recorded(folder: Path) -> dict[tuple[int | None, str], float]:
    """The history without what depends on the clock."""
    return {
        (entry.step, name): value
        for entry in read_history(folder / "history.jsonl")
        for name, value in entry.values.items()
        if not name.startswith("speed/")
    }


class Killed(Exception):
    """Stands for SIGKILL."""


@pytest.mark.parametrize(
    ("step", "changes"),
    [(1, {}), (2, {}), (3, {}), (5, {}), (4, {"average_decay": 0.5, "choose": "last"})],
)
def test_a_training_killed_in_any_step_ends_with_the_same_classifier(
    ingested: Ingested,
    classifier: Path,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    changes: dict[str, object],
) -> None:
    settings = tiny(checkpoint_seconds=0, **changes)
    undisturbed = trained if not changes else run(ingested, classifier, tmp_path / "undisturbed", settings)
    place = data_root(ingested, tmp_path / "data")
    whole_step = SelfTrainer.step

    def killed(self: SelfTrainer, number: int) -> object:
        values = whole_step(self, number)
        if number == step:
            raise Killed
        return values

    monkeypatch.setattr(SelfTrainer, "step", killed)
    with pytest.raises(Killed):
        stage.run(classifier, ingested.source, settings, place, tmp_path / "out")
    monkeypatch.setattr(SelfTrainer, "step", whole_step)
    stage.run(classifier, ingested.source, settings, place, tmp_path / "out")
    assert weights(tmp_path / "out") == weights(undisturbed)
    assert recorded(tmp_path / "out") == recorded(undisturbed)


def test_the_average_of_the_network_is_another_result(
    ingested: Ingested, classifier: Path, trained: Path, tmp_path: Path
) -> None:
    assert weights(run(ingested, classifier, tmp_path, tiny(average_decay=0.9))) != weights(trained)


def test_a_translated_source_is_learned_from_too(
    ingested: Ingested, classifier: Path, trained: Path, tmp_path: Path
) -> None:
    shutil.copytree(ingested.source, tmp_path / "translated")
    (tmp_path / "translated" / "translation.json").write_text(json.dumps(TRANSLATION))
    out = run(ingested, classifier, tmp_path, tiny(), source=tmp_path / "translated")
    config = json.loads((out / "config.json").read_text())
    assert config["adaptation"]["method"] == "simpgan+self-training"
    assert set(config["inputs"]) == {"classifier", "target", "source"}
    assert weights(out) != weights(trained)
    assert any("loss/source" in entry.values for entry in read_history(out / "history.jsonl"))


def test_a_start_from_a_translated_source_names_the_method(ingested: Ingested, tmp_path: Path) -> None:
    start = write_classifier(tmp_path / "start", adaptation={"method": "source-to-target"})
    config = json.loads((run(ingested, start, tmp_path, tiny(epochs=1)) / "config.json").read_text())
    assert config["adaptation"]["method"] == "simpgan+self-training"


def test_a_source_of_another_data_set_is_refused(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="trained on market1501, and the labelled data set is grid"):
        run(ingested, classifier, tmp_path, tiny(), source=ingested.target)


def test_a_small_target_is_refused_with_the_number_it_needs(
    ingested: Ingested, classifier: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"8 training images in folds10, fold 0, and self-training needs 40.*lower"):
        run(ingested, classifier, tmp_path, tiny(protocol="folds10"), target=ingested.target)


def test_descriptions_are_averaged_over_no_more_images_than_describe_one() -> None:
    with pytest.raises(UserError, match="k2 is 9 and k1 is 4: lower k2, or raise k1"):
        tiny(k2=9)


def test_a_start_without_clusters_is_refused(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"make 0 clusters of .* too few to learn from \(10 are needed\)"):
        run(ingested, classifier, tmp_path, tiny(min_samples=100))


def collapse_after(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all images be one cluster after an epoch."""
    find = trainer.SelfTrainer.cluster

    def collapsed(self: SelfTrainer, label: str) -> object:
        found = find(self, label)
        if label != f"epoch {epoch}":
            return found
        return replace(found, labels=found.labels * 0, centres=found.centres[:1])

    monkeypatch.setattr(SelfTrainer, "cluster", collapsed)


def test_a_collapse_ends_the_training_with_the_best_epoch_before(
    ingested: Ingested, classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collapse_after(2, monkeypatch)
    out = run(ingested, classifier, tmp_path, tiny(epochs=4))
    assert json.loads((out / "config.json").read_text())["selection"]["epoch"] == 1
    assert "clusters collapsed: 1 cluster after epoch 2" in (out / "clusters.html").read_text()
    assert max(entry.step for entry in read_history(out / "history.jsonl") if entry.step is not None) == 5
    stage.run(classifier, ingested.source, tiny(epochs=4), str(tmp_path / "data"), tmp_path / "again")
    assert weights(tmp_path / "again") == weights(out)


def test_a_collapse_in_the_first_epoch_is_an_error(
    ingested: Ingested, classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collapse_after(1, monkeypatch)
    with pytest.raises(UserError, match="clusters collapsed: 1 cluster after epoch 1, the first one: lower"):
        run(ingested, classifier, tmp_path, tiny())
