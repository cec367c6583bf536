"""The names of images: here, in a registry, and by digest."""

import json

import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.core.images import StageImages, image, stage_of

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


@pytest.fixture
def lock(tmp_path, monkeypatch):
    """A lock file with the digest of one image."""
    monkeypatch.delenv("SIMPGAN_REGISTRY", raising=False)
    path = tmp_path / "digests.json"
    path.write_text(json.dumps({"registry": "ghcr.io/somebody/simpgan", "digests": {"train-gan": DIGEST}}))
    return path


def test_on_this_machine_an_image_is_named_by_its_stage():
    assert image("train_gan") == "simpgan/train-gan:latest"


@pytest.mark.parametrize("name", ["simpgan/train-gan:latest", f"ghcr.io:443/a/train-gan@{DIGEST}", "train-gan"])
def test_a_stage_is_known_by_its_image(name):
    assert stage_of(name) == "train_gan"


def test_a_locked_image_is_named_by_its_digest_and_another_by_a_tag(lock):
    images = StageImages.locked(lock=lock)
    assert images.reference("train_gan") == f"ghcr.io/somebody/simpgan/train-gan@{DIGEST}"
    assert images.reference("ingest") == "ghcr.io/somebody/simpgan/ingest:latest"
    assert images.without_digest(["ingest", "train_gan"]) == ["ingest"]


def test_without_a_lock_file_images_have_their_local_names(tmp_path, monkeypatch):
    monkeypatch.delenv("SIMPGAN_REGISTRY", raising=False)
    assert StageImages.locked(lock=tmp_path / "none.json").reference("ingest") == image("ingest")


def test_another_registry_has_the_same_digests(lock, monkeypatch):
    monkeypatch.setenv("SIMPGAN_REGISTRY", "mirror.example:5000/reid/")
    assert StageImages.locked(lock=lock).reference("train_gan") == f"mirror.example:5000/reid/train-gan@{DIGEST}"
    assert StageImages.locked("registry.example", lock).reference("train_gan") == f"registry.example/train-gan@{DIGEST}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no registry and digests"),
        ('{"digest": {}}', "unknown setting 'digests.json.digest': did you mean 'digests'?"),
        ('{"digests": {"ingest": "sha256:1"}}', "setting 'digests.json.digests.ingest' = 'sha256:1': string should"),
    ],
)
def test_a_lock_file_of_another_form_is_refused_in_one_line(lock, text, message):
    lock.write_text(text)
    with pytest.raises(UserError) as refused:
        StageImages.locked(lock=lock)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
