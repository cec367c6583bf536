"""An adaptation as a folder: a classifier, the parts that fit it to a target, and its evaluation.

    adaptation.json          description, and the digests of the other files
    classifier/              model folder, as the pretrain stage wrote it
    translator/              model folder, as the train_gan stage wrote it; only with a method that translates
    statistics.safetensors   the classifier's batch-norm statistics of the target; only with AdaBN
    source/, target/         manifests of the data sets it was trained with
    evaluation/              results.json, probes.parquet and checks.json, if there are any
    card.md                  model card, once it is registered

The classifier keeps its own statistics, which further training needs; `load_adaptation` loads those of the target.
"""

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from simpgan.components.core.data.image_tensors import resize_images, to_uint8, to_unit_range
from simpgan.components.core.data.manifest import FILES, Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import SiameseClassifier, load_classifier
from simpgan.components.core.models.extraction import PreparedImages, features_of, with_statistics_of
from simpgan.components.core.models.model_folder import MODEL_FILES, load_state, model_digest, read_config
from simpgan.components.core.models.precision import Inference
from simpgan.components.core.models.translator import Generator, load_translator
from simpgan.components.core.registry.description import (
    Description,
    check_method,
    evaluation_digest,
    file_digests,
)
from simpgan.components.core.results.methods import SOURCE_TO_TARGET
from simpgan.components.core.training.device import choose_device

STATISTICS = "statistics.safetensors"
EVALUATION_FILES = ("results.json", "probes.parquet", "checks.json")


@dataclass(frozen=True, eq=False)
class Adaptation:
    """A classifier ready for images like the target's.

    Attributes:
        description: the description of the adaptation.
        classifier: classifier with the statistics of the method.
        translator: F, which images go through first; None: images are used as recorded.
        precision: wanted precision, as for `Inference`.
    """

    description: Description
    classifier: SiameseClassifier
    translator: Generator | None
    precision: str

    @cached_property
    def looking(self) -> Inference:
        """Return the classifier in its precision."""
        return Inference(self.classifier, self.precision)

    @cached_property
    def translating(self) -> Inference | None:
        """Return the translator in its precision; None if there is none."""
        return Inference(self.translator, self.precision) if self.translator else None

    @property
    def size(self) -> tuple[int, int]:
        """Return height and width in pixels to which images are resized first."""
        config = self.translator.config if self.translator else self.classifier.config
        return config.height, config.width

    @property
    def dimensions(self) -> int:
        """Return D, the length of a feature."""
        return self.classifier.identity_head.in_features

    def features(self, images: Tensor, batch: int = 64) -> NDArray[np.float32]:
        """Compute features [N, D] of length 1, compared by cosine, of images uint8 [N, 3, H, W] of any size.

        They are the features that the evaluate stage measures: the mean of each image's and its mirror image's.

        Args:
            images: the images.
            batch: number of images that go through the networks together.
        """
        unit = np.empty((len(images), self.dimensions), np.float32)
        for start in range(0, len(images), batch):
            prepared = self.prepared(images[start : start + batch].to(self.classifier.mean.device))
            unit[start : start + batch] = features_of(self.looking, prepared)[0].cpu().numpy()
        return unit

    def prepared(self, images: Tensor) -> Tensor:
        """Prepare images uint8 [N, 3, H, W] of any size for the classifier: translated, float in [-1, 1]."""
        images = resize_images(images, *self.size)
        if self.translating:
            translated = to_uint8(self.translating(to_unit_range(images)))
            # The evaluate stage sees translations as they are stored, in 8 bits.
            images = resize_images(translated, self.classifier.config.height, self.classifier.config.width)
        return to_unit_range(images)


def save_adaptation(
    folder: Path,
    method: str,
    *,
    classifier: Path,
    source: Path,
    target: Path,
    data_root: str,
    translator: Path | None = None,
    evaluation: Path | None = None,
    protocol: str = "",
    fold: int = 0,
    variant: str = "",
    seed: int = 0,
    batch: int = 64,
    precision: str = "auto",
) -> Description:
    """Assemble an adaptation in `folder`; with AdaBN compute its statistics.

    Args:
        folder: the folder of the adaptation.
        method: a method that can be registered, such as simpgan+adabn.
        classifier: model folder; with source-to-target the classifier of the translated source.
        source: folder of the source's manifest.
        target: folder of the target's manifest.
        data_root: folder or `s3://` prefix that holds the shards.
        translator: model folder; not used by a method without translation.
        evaluation: folder of the evaluate stage's results.
        protocol: protocol of the target to whose training images it is adapted, if neither translator nor classifier
            was trained for a split; empty: the first split with training images.
        fold: fold of the protocol.
        variant: tells its training from others of its method in the results.
        seed: seed of the order of images for AdaBN, as in the evaluation.
        batch: number of images per batch for AdaBN, as in the evaluation.
        precision: wanted precision, as in the evaluation.

    Raises:
        UserError: an unknown method, parts that do not belong together, or too few images for AdaBN.
    """
    check_method(method)
    labelled, unlabelled = Manifest.load(source), Manifest.load(target)
    trained = load_classifier(classifier)[1]
    parts = {"classifier": (classifier, MODEL_FILES), "source": (source, FILES), "target": (target, FILES)}
    digests = {"classifier": model_digest(classifier), "source": labelled.digest, "target": unlabelled.digest}
    draft = Description(
        method=method,
        source=labelled.dataset,
        target=unlabelled.dataset,
        protocol=protocol,
        fold=fold,
        variant=variant,
        seed=trained.get("adaptation", trained["settings"])["seed"],
        order_seed=seed,
        batch=batch,
        digests=digests,
        files={},
    )
    if ("adaptation" in trained) != (draft.base == SOURCE_TO_TARGET):
        what = "of a translated source" if "adaptation" in trained else "of the source as recorded"
        raise UserError(
            f"the classifier in '{classifier}' is one {what}, and the method is {method}: give the other one"
        )
    if draft.translates:
        translator = refuse_other_translator(translator, draft)
        training = read_config(translator)["settings"]
        protocol, fold = training["protocol"], training["fold"]
        draft = draft.model_copy(update={"seed": training["seed"]})
        parts["translator"], digests["translator"] = (translator, MODEL_FILES), model_digest(translator)
    elif "adaptation" in trained:
        protocol, fold = trained["adaptation"]["protocol"], trained["adaptation"]["fold"]
    elif not protocol:
        protocol, fold = first_split(unlabelled)
    if evaluation:
        parts["evaluation"] = (evaluation, EVALUATION_FILES)
        digests["evaluation"] = evaluation_digest(evaluation, method)
    for name, (part, files) in parts.items():
        copy_existing(part, folder / name, files)
    description = draft.model_copy(update={"protocol": protocol, "fold": fold, "digests": digests})
    if description.adabn:
        save_statistics(folder, description, data_root, precision)
    description = description.model_copy(update={"files": file_digests(folder)})
    description.write(folder)
    return description


def refuse_other_translator(translator: Path | None, adaptation: Description) -> Path:
    """Return the translator if it fits the adaptation's method, classifier, source and target; else raise UserError."""
    if translator is None:
        raise UserError(f"the method {adaptation.method} translates images: give the translator too")
    config = load_translator(translator)[1]
    trained = config["settings"]["method"]
    if trained != adaptation.base:
        raise UserError(
            f"the translator in '{translator}' was trained by {trained}, and the method is {adaptation.method}: "
            f"give one trained by {adaptation.base}, or another method"
        )
    for name, digest in adaptation.digests.items():
        if config["inputs"][name] != digest:
            raise UserError(f"the translator in '{translator}' was trained with another {name}: give that one")
    return translator


def first_split(target: Manifest) -> tuple[str, int]:
    """Return the first protocol and fold with training images.

    Raises:
        UserError: there is none.
    """
    for protocol, fold in target.protocols().itertuples(index=False):
        if len(target.rows(protocol, fold, "train")):
            return protocol, int(fold)
    raise UserError(f"the target {target.dataset} has no training images: nothing can be adapted to it")


def copy_existing(part: Path, folder: Path, names: Collection[str]) -> None:
    """Copy the existing files of a part."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (part / name).is_file():
            shutil.copyfile(part / name, folder / name)


def save_statistics(folder: Path, description: Description, data_root: str, precision: str) -> None:
    """Compute and write the classifier's batch-norm statistics of the target's training images, as it gets them.

    Raises:
        UserError: there are too few images.
    """
    target = Manifest.load(folder / "target")
    rows = target.rows(description.protocol, description.fold, "train")
    if len(rows) < 2:
        raise UserError(
            f"AdaBN needs two images at least, and the target {target.dataset} has {len(rows)} for training in "
            f"{description.protocol}, fold {description.fold}: choose another split, or a method without AdaBN"
        )
    unadapted = networks_of(folder, description, choose_device(), precision)
    images = PreparedImages(target, data_root, unadapted.prepared, unadapted.size)
    adapted = with_statistics_of(
        unadapted.classifier, images, rows, batch=description.batch, precision=precision, seed=description.order_seed
    )
    learned = dict(adapted.named_parameters())
    save_file(
        {name: value.cpu() for name, value in adapted.state_dict().items() if name not in learned}, folder / STATISTICS
    )


def load_adaptation(folder: Path, device: torch.device | None = None, precision: str = "auto") -> Adaptation:
    """Load the adaptation in `folder` to a device.

    Args:
        folder: the folder of the adaptation.
        device: the device; None: that of `choose_device`.
        precision: wanted precision, as for `Inference`.

    Raises:
        UserError: the folder holds none.
    """
    description = Description.read(folder)
    adaptation = networks_of(folder, description, device or choose_device(), precision)
    if description.adabn:
        try:
            statistics = load_file(folder / STATISTICS)
        except (OSError, SafetensorError) as failure:
            raise UserError(f"cannot read the statistics in '{folder}': {failure}") from None
        state = adaptation.classifier.state_dict()
        load_state(adaptation.classifier, {**state, **statistics}, folder / STATISTICS)
    return adaptation


def networks_of(folder: Path, description: Description, device: torch.device, precision: str) -> Adaptation:
    """Load the networks in an adaptation's folder, with the classifier's own statistics.

    If the classifier was fine-tuned with the translator, that version is loaded.
    """
    translator, looking = None, folder / "classifier"
    if description.translates:
        generator, config = load_translator(folder / "translator")
        translator = generator.to(device).eval()
        looking = folder / "translator" if "classifier" in config else looking
    classifier, _ = load_classifier(looking)
    return Adaptation(description, classifier.to(device).eval(), translator, precision)
