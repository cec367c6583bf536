"""Starting weights from a file, and what is refused."""

import hashlib
import os
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file

from simpgan.components.core.errors import UserError
from simpgan.components.core.models.backbone_weights import check_content, downsample_at, load_backbone
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from tests.components.core.object_store import ObjectStore


def backbone(name: str) -> torch.nn.Module:
    config = {"backbone": name, "identities": 2, "height": 32, "width": 32}
    return SiameseClassifier(ClassifierConfig.parse(config)).backbone


def saved(folder: Path, name: str, metadata: dict[str, str] | None = None) -> Path:
    state = {
        key: value.half() if value.ndim > 1 else value.reshape(-1)  # as published files have them
        for key, value in torchvision.models.get_model(name).state_dict().items()
    }
    save_file(state, folder / "weights.safetensors", metadata=metadata)
    return folder / "weights.safetensors"


def test_a_file_in_half_precision_is_taken_over_without_its_last_layer(tmp_path: Path) -> None:
    network = backbone("resnet18")
    before = network.conv1.weight.clone()
    load_backbone(network, "resnet18", str(saved(tmp_path, "resnet18")))
    assert network.conv1.weight.dtype == torch.float32
    assert not torch.equal(network.conv1.weight, before)
    assert network.bn1.num_batches_tracked.shape == ()


def test_a_file_in_an_object_store_is_taken_over(object_store: ObjectStore, tmp_path: Path) -> None:
    path = saved(tmp_path, "resnet18")
    object_store.fill({"weights.safetensors": path.read_bytes()})
    network = backbone("resnet18")
    load_backbone(network, "resnet18", f"{object_store.location}/weights.safetensors")
    assert torch.equal(network.conv1.weight, load_file(path)["conv1.weight"].float())


def test_a_file_that_no_longer_holds_what_it_should_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"one")
    digest = hashlib.sha256(b"one").hexdigest()
    for weights, expected in [(str(path), digest), (str(path), ""), ("imagenet", digest), ("none", digest)]:
        check_content(weights, expected)
    path.write_bytes(b"two")
    with pytest.raises(UserError, match=r"has changed: .*set pretrain\.weights_sha256 to ''$"):
        check_content(str(path), digest)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = str(saved(tmp_path, "resnet50"))
    with pytest.raises(UserError, match=r"not those of a resnet18.*pretrain\.backbone"):
        load_backbone(backbone("resnet18"), "resnet18", path)


def test_missing_file_is_refused() -> None:
    with pytest.raises(UserError, match=r"no weights file 'nowhere\.safetensors'"):
        load_backbone(backbone("resnet18"), "resnet18", "nowhere.safetensors")


def test_pickled_checkpoint_is_refused(tmp_path: Path) -> None:
    """Loading a pickle can run its author's code."""
    path = tmp_path / "weights.pth"
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(UserError, match=r"not a \.safetensors file"):
        load_backbone(backbone("resnet18"), "resnet18", str(path))


def downloaded(torch_home: Path, content: object) -> None:
    """Put a file where torchvision keeps the weights of a resnet18 once it has downloaded them."""
    url = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url
    path = torch_home / "hub" / "checkpoints" / url.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    torch.save(content, path)


def test_weights_by_name_are_those_of_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    state = torchvision.models.resnet18().state_dict()
    downloaded(tmp_path, state)
    network = backbone("resnet18")
    load_backbone(network, "resnet18", "imagenet")
    assert torch.equal(network.layer4[1].conv2.weight, state["layer4.1.conv2.weight"])


class Code:
    """Creates a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_code_in_downloaded_weights_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    downloaded(tmp_path, {"conv1.weight": Code(tmp_path / "ran")})
    with pytest.raises(Exception, match="Weights only load failed"):
        load_backbone(backbone("resnet18"), "resnet18", "imagenet")
    assert not (tmp_path / "ran").exists()


def test_the_header_says_where_the_stride_is(tmp_path: Path) -> None:
    assert downsample_at("imagenet") == downsample_at("none") == "3x3"
    header = {"strides": "trained with the stride on the first 1x1 convolution of each stage"}
    assert downsample_at(str(saved(tmp_path, "resnet18", header))) == "1x1"
    assert downsample_at(str(saved(tmp_path, "resnet18"))) == "3x3"


def test_weights_of_a_plain_network_fit_one_with_instance_normalisation(tmp_path: Path) -> None:
    """The first half of a normalisation's weights is the instance's, the second half keeps its batch statistics."""
    config = {"backbone": "resnet18", "identities": 2, "height": 32, "width": 32, "ibn": True}
    network = SiameseClassifier(ClassifierConfig.parse(config)).backbone
    path = saved(tmp_path, "resnet18")
    state = load_file(path)
    state["layer3.1.bn1.weight"] = torch.arange(256.0)
    state["layer3.1.bn1.running_mean"] = torch.arange(256.0)
    save_file(state, path)
    load_backbone(network, "resnet18", str(path))
    normalisation = network.layer3[1].bn1
    assert normalisation.IN.weight.tolist() == list(range(128))
    assert normalisation.BN.weight.tolist() == normalisation.BN.running_mean.tolist() == list(range(128, 256))
    parts = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(parts, path)  # published weights of such networks have the parts' own names
    normalisation.IN.weight.data.zero_()
    load_backbone(network, "resnet18", str(path))
    assert normalisation.IN.weight.tolist() == list(range(128))
