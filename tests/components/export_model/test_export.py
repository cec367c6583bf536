"""Exported models compute the features of the search, for any number of images, with nothing of this software."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from simpgan.components.core.data.image_tensors import resize_image, to_uint8, to_unit_range
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.extraction import features_of
from simpgan.components.core.models.model_folder import model_digest, save_model
from simpgan.components.core.models.precision import Inference
from simpgan.components.core.registry.adaptation import load_adaptation, save_adaptation
from simpgan.components.core.registry.description import Description
from simpgan.components.export_model import export, formats
from simpgan.components.export_model.export import example, export_model
from simpgan.components.export_model.formats import FORMATS
from simpgan.pipelines.cli import main
from simpgan.pipelines.cli.export_model import ModelFormat
from tests.components.core.registry.adaptations import write_classifier, write_translator, write_two_cameras
from tests.conftest import Ingested
from tests.docs.blocks import ROOT

WITHOUT_TORCH = "import sys; sys.modules['torch'] = sys.modules['simpgan'] = None\n"


@pytest.fixture(scope="module")
def models(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of models: a classifier, two with statistics per camera, and one with a translator."""
    folder = tmp_path_factory.mktemp("models")
    write_two_cameras(folder / "target", ingested)
    given = {"source": ingested.source, "data_root": ingested.data_root}
    classifier = write_classifier(folder / "classifier", ingested)
    for name, method in (("cameras", "camera-adabn"), ("whitened", "camera-adabn+whitened")):
        save_adaptation(
            folder / name, method, classifier=classifier, target=folder / "target", protocol="all250", **given
        )
    translator = write_translator(folder / "translator", ingested, classifier, height=48)
    save_adaptation(
        folder / "translated",
        "simpgan+adabn",
        classifier=classifier,
        translator=translator,
        target=ingested.target,
        **given,
    )
    return folder


@pytest.fixture(scope="module")
def exported(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """A function that returns the folder of an exported model, given the model and the format."""
    folders = {}

    def export_once(model: str, name: str) -> Path:
        if (model, name) not in folders:
            folders[model, name] = tmp_path_factory.mktemp("exported")
            export_model(models / model, name, folders[model, name])
        return folders[model, name]

    return export_once


def said_of(folder: Path) -> dict:
    """What stands beside an exported model."""
    return json.loads((folder / "model.json").read_text())


def pictures(count: int, height: int, width: int) -> np.ndarray:
    """Images of people are smooth: these have a gradient of two colours each."""
    colours = np.random.default_rng(count).integers(0, 256, (count, 2, 2, 3), dtype=np.uint8)
    return np.stack([resize_image(Image.fromarray(each), height, width).transpose(1, 2, 0) for each in colours]).copy()


def expected(folder: Path, images: np.ndarray, cameras: Sequence[str | None] | None = None) -> np.ndarray:
    """The features that search and evaluate compute, in float32."""
    adaptation = load_adaptation(folder, torch.device("cpu"), "fp32")
    return adaptation.features(torch.from_numpy(images).permute(0, 3, 1, 2), cameras=cameras)


@pytest.mark.parametrize("model", ["cameras", "whitened"])
@pytest.mark.parametrize("name", FORMATS)
def test_statistics_per_camera_are_chosen_by_a_number(
    models: Path, exported: Callable[[str, str], Path], name: str, model: str
) -> None:
    folder = exported(model, name)
    described = said_of(folder)
    assert described["cameras"] == {"1": 1, "2": 0}, "camera 2 has too few images for statistics of its own"
    assert [each["shape"] for each in described["inputs"]] == [["batch", 32, 16, 3], ["batch"]]
    run = FORMATS[name].load(folder / FORMATS[name].file)
    for count in (1, 7, 100):
        images = pictures(count, 32, 16)
        camera = np.arange(count) % 2
        found = run({"images": images, "camera": camera})["features"]
        wanted = expected(models / model, images, [None if number == 0 else "1" for number in camera])
        assert found == pytest.approx(wanted, abs=1e-4)
    other = run({"images": images, "camera": 1 - camera})["features"]
    assert np.abs(other - wanted).max() > 1e-3, "the statistics of a camera make a difference"


@pytest.mark.parametrize("name", FORMATS)
def test_what_goes_through_a_translator_does_so_inside_the_graph(
    models: Path, exported: Callable[[str, str], Path], name: str
) -> None:
    """The translator's images are larger than the classifier's, and are resized in between."""
    folder = exported("translated", name)
    described = said_of(folder)
    assert described["inputs"][0]["shape"] == described["outputs"][1]["shape"] == ["batch", 48, 24, 3]
    run = FORMATS[name].load(folder / FORMATS[name].file)
    adaptation = load_adaptation(models / "translated", torch.device("cpu"), "fp32")
    for count in (1, 7, 100):
        images = pictures(count, 48, 24)
        found = run({"images": images})
        before = torch.from_numpy(images).permute(0, 3, 1, 2)
        translated = to_uint8(adaptation.translating(to_unit_range(before))).permute(0, 2, 3, 1).numpy().astype(int)
        assert np.abs(found["translated"] - translated).max() <= 1, "a runtime may round the last digit otherwise"
        assert (found["translated"] != translated).mean() < 1e-3
        same = replace(adaptation, translator=None)
        wanted = same.features(torch.from_numpy(found["translated"]).permute(0, 3, 1, 2))
        assert found["features"] == pytest.approx(wanted, abs=1e-4)
        assert found["features"] == pytest.approx(expected(models / "translated", images), abs=1e-3)


def test_a_classifier_alone_is_exported_as_it_was_trained(models: Path, tmp_path: Path) -> None:
    """With instance normalisation, as presets have it, and ResNet-50."""
    torch.manual_seed(0)
    config = ClassifierConfig(backbone="resnet50", identities=8, height=32, width=16, ibn=True, last_stride=1)
    network = SiameseClassifier(config).eval()
    about = {"classifier": config.model_dump(), "source": "market1501", "protocol": "single-query"}
    save_model(tmp_path / "classifier", {"classifier": network}, {**about, "inputs": {}, "settings": {"seed": 3}})
    described = export_model(tmp_path / "classifier", "onnx", tmp_path / "out")
    assert described["model"]["digests"] == {"classifier": model_digest(tmp_path / "classifier")}
    assert (described["model"]["method"], described["cameras"]) == ("direct", {})
    images = pictures(7, 32, 16)
    found = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx").run(None, {"images": images})[0]
    prepared = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    assert found == pytest.approx(features_of(Inference(network, "fp32"), prepared)[0].numpy(), abs=1e-4)


def test_the_printed_example_needs_neither_torch_nor_this_software(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["simpgan", "export-model", str(models / "cameras"), "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    said = capsys.readouterr().out
    assert re.match(rf"{tmp_path}/model.onnx: \d+\.\d MiB; its features differ from torch's by \S+ at most", said)
    printed = said.partition("How to call it:\n\n")[2]
    Image.fromarray(pictures(1, 90, 40)[0]).save(tmp_path / "somebody.png")
    (tmp_path / "somebody.png").rename(tmp_path / "somebody.jpg")
    script = WITHOUT_TORCH + printed + "numpy.save('features.npy', features)\n"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    image = resize_image(Image.fromarray(pictures(1, 90, 40)[0]), 32, 16).transpose(1, 2, 0)
    assert np.load(tmp_path / "features.npy") == pytest.approx(expected(models / "cameras", image[None]), abs=1e-4)


@pytest.mark.parametrize("name", ["torchscript", "pt2"])
def test_the_examples_for_torch_need_nothing_of_this_software(
    models: Path, exported: Callable[[str, str], Path], tmp_path: Path, name: str
) -> None:
    folder = exported("cameras", name)
    Image.fromarray(pictures(1, 32, 16)[0]).save(tmp_path / "somebody.jpg", "png")
    script = f"import sys; sys.modules['simpgan'] = None\n{example(said_of(folder), folder)}"
    script += "numpy.save('features.npy', features.detach().numpy())\n"
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], cwd=tmp_path, check=True)
    wanted = expected(models / "cameras", pictures(1, 32, 16))
    assert np.load(tmp_path / "features.npy") == pytest.approx(wanted, abs=1e-4)


def test_the_page_shows_the_example_that_is_printed() -> None:
    page = (ROOT / "components" / "export_model" / "README.md").read_text()
    assert FORMATS["onnx"].example.format(file="exported/model.onnx", camera="") in page


def test_what_the_file_is_stands_beside_it_and_in_it(models: Path, exported: Callable[[str, str], Path]) -> None:
    folder = exported("cameras", "onnx")
    beside, content = said_of(folder), (folder / "model.onnx").read_bytes()
    assert beside["file"] == {
        "name": "model.onnx",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert beside["check"]["batches"] == [1, 7, 100]
    assert 0 < beside["check"]["largest_difference"] < 1e-4
    model = Description.read(models / "cameras")
    assert beside["model"] == model.model_dump(exclude={"files"})
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    inside = json.loads(session.get_modelmeta().custom_metadata_map["simpgan"])
    assert inside == {name: value for name, value in beside.items() if name not in ("file", "check")}
    for said, there in zip(
        beside["inputs"] + beside["outputs"], session.get_inputs() + session.get_outputs(), strict=True
    ):
        assert (said["name"], said["shape"]) == (there.name, there.shape)
        assert there.type == f"tensor({said['type'].replace('float32', 'float')})"
    graph = onnx.load(folder / "model.onnx")
    assert [each.version for each in graph.opset_import if not each.domain] == [beside["opset"]]


@pytest.mark.parametrize("name", FORMATS)
def test_files_name_no_place_of_this_machine(exported: Callable[[str, str], Path], name: str) -> None:
    folder = exported("cameras", name)
    content = (folder / FORMATS[name].file).read_bytes()
    for place in (ROOT, Path(torch.__file__).parent, folder):
        assert str(place).encode() not in content
    assert sorted(path.name for path in folder.iterdir()) == sorted([FORMATS[name].file, "model.json"])


def test_cameras_share_the_weights(models: Path, exported: Callable[[str, str], Path]) -> None:
    """A set of statistics has two numbers a channel: a hundredth of the weights."""
    weights = (models / "classifier" / "model.safetensors").stat().st_size
    assert said_of(exported("cameras", "onnx"))["file"]["bytes"] < 1.02 * weights


def test_what_computes_other_features_is_not_kept(
    models: Path, exported: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = exported("cameras", "onnx")
    kept = said_of(folder), (folder / "model.onnx").read_bytes()
    fixed = {"images": torch.zeros(1, 32, 16, 3, dtype=torch.uint8)}

    def one_image_at_a_time(network: torch.nn.Module, example: object, path: Path, about: str) -> None:
        torch.onnx.export(network, kwargs=fixed, f=path, output_names=["features"], verbose=False)

    def without_flip(network: torch.nn.Module, *others: object) -> None:
        monkeypatch.setattr(torch.Tensor, "flip", lambda images, *_: images)
        formats.write_onnx(network, *others)
        monkeypatch.undo()

    for write, said in ((one_image_at_a_time, "cannot compute 7 images"), (without_flip, "other features than torch")):
        monkeypatch.setitem(export.FORMATS, "onnx", replace(FORMATS["onnx"], write=write))
        with pytest.raises(UserError, match=said):
            export_model(models / "classifier", "onnx", folder)
        assert (said_of(folder), (folder / "model.onnx").read_bytes()) == kept


def test_all_cameras_are_checked_however_many_there_are(models: Path) -> None:
    adaptation = load_adaptation(models / "cameras", torch.device("cpu"), "fp32")
    cameras = {str(number): number for number in range(1, 251)}
    seen: set[int] = set()

    def run(inputs: formats.Arrays) -> formats.Arrays:
        seen.update(inputs["camera"].tolist())
        return {"features": np.zeros((len(inputs["images"]), adaptation.dimensions), np.float32)}

    export.compare(adaptation, run, cameras)
    assert seen == set(range(251))


def test_bad_input_is_told_in_a_line(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no adaptation in"):
        export_model(tmp_path, "onnx", tmp_path / "out")
    with pytest.raises(UserError, match="is not a classifier"):
        export_model(models / "translator", "onnx", tmp_path / "out")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UserError, match=r"onnx needs onnxscript: pip install 'simpgan\[export\]'"):
        export_model(models / "classifier", "onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_has_all_formats() -> None:
    assert [each.value for each in ModelFormat] == list(FORMATS)
