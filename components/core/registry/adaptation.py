"""An adaptation as a folder: a classifier, what makes it fit a target, and what is known of both.

    adaptation.json          what it is, and the digests of what lies beside it
    classifier/              model folder, as the pretrain stage wrote it
    translator/              model folder, as the train_gan stage wrote it; only with a method that translates
    statistics.safetensors   the classifier's batch-norm statistics of the target; only with AdaBN
    source/, target/         manifests of what it was trained with
    evaluation/              results.json, probes.parquet and checks.json, as far as there are any
    card.md                  the same for people, once it is registered

The classifier's own statistics stay, since a training that goes on needs them; `load_adaptation` puts in the others.
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

from simpgan.components.core.data.image_tensors import resized, to_uint8, to_unit_range
from simpgan.components.core.data.manifest import FILES, Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import SiameseClassifier, load_classifier
from simpgan.components.core.models.extraction import Images, features_of, with_statistics_of
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
    """A classifier ready to look at images like the target's.

    Attributes:
        classifier: with the statistics that the method has.
        translator: F, which images go through first; None: they are looked at as recorded.
        precision: wanted, of `Inference`.
    """

    description: Description
    classifier: SiameseClassifier
    translator: Generator | None
    precision: str

    @cached_property
    def looking(self) -> Inference:
        """The classifier in the precision that is right for it."""
        return Inference(self.classifier, self.precision)

    @cached_property
    def translating(self) -> Inference | None:
        """The translator in the precision that is right for it."""
        return Inference(self.translator, self.precision) if self.translator else None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels that images are resized to before anything else."""
        config = self.translator.config if self.translator else self.classifier.config
        return config.height, config.width

    @property
    def dimensions(self) -> int:
        """D: length of a feature."""
        return self.classifier.identity_head.in_features

    def features(self, images: Tensor, batch: int = 64) -> NDArray[np.float32]:
        """Features [N, D] of length 1, compared by cosine, of images uint8 [N, 3, H, W] of any size.

        They are what the evaluate stage measures: the mean of each image's and its mirror image's.

        Args:
            batch: images that go through the networks together.
        """
        unit = np.empty((len(images), self.dimensions), np.float32)
        for start in range(0, len(images), batch):
            prepared = self.prepared(images[start : start + batch].to(self.classifier.mean.device))
            unit[start : start + batch] = features_of(self.looking, prepared)[0].cpu().numpy()
        return unit

    def prepared(self, images: Tensor) -> Tensor:
        """Images uint8 [N, 3, H, W] of any size as the classifier gets them: translated, float in [-1, 1]."""
        images = resized(images, *self.size)
        if self.translating:
            translated = to_uint8(self.translating(to_unit_range(images)))
            # The evaluate stage sees translations as they are stored, in 8 bits.
            images = resized(translated, self.classifier.config.height, self.classifier.config.width)
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
    """Put an adaptation together in `folder`; with AdaBN the statistics are computed here.

    Args:
        method: of `description.REGISTRABLE`, such as simpgan+adabn.
        classifier: model folder; with source-to-target the classifier of the translated source.
        source, target: folders of the manifests it was trained with.
        data_root: folder or `s3://` prefix that holds the shards.
        translator: model folder; not used by a method that translates nothing.
        evaluation: folder of the evaluate stage's results.
        protocol, fold: split of the target to whose training images it is adapted. Those of the translator or
            classifier if it was trained for one; else, if empty, the first split that has training images.
        variant: what tells its training from others of its method in the results.
        seed, batch, precision: as in the evaluation.

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
        copy(part, folder / name, files)
    description = draft.model_copy(update={"protocol": protocol, "fold": fold, "digests": digests})
    if description.adabn:
        save_statistics(folder, description, data_root, precision)
    description = description.model_copy(update={"files": file_digests(folder)})
    description.write(folder)
    return description


def refuse_other_translator(translator: Path | None, adaptation: Description) -> Path:
    """The translator, if it is that of the adaptation's method, classifier, source and target; else raise UserError."""
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
    """The first protocol and fold that has training images.

    Raises:
        UserError: there is none.
    """
    for protocol, fold in target.protocols().itertuples(index=False):
        if len(target.rows(protocol, fold, "train")):
            return protocol, int(fold)
    raise UserError(f"the target {target.dataset} has no training images: nothing can be adapted to it")


def copy(part: Path, folder: Path, names: Collection[str]) -> None:
    """Copy those files of a part that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (part / name).is_file():
            shutil.copyfile(part / name, folder / name)


def save_statistics(folder: Path, description: Description, data_root: str, precision: str) -> None:
    """Compute and write the classifier's batch-norm statistics of the target's training images as it gets them.

    Raises:
        UserError: there are not enough of them.
    """
    target = Manifest.load(folder / "target")
    rows = target.rows(description.protocol, description.fold, "train")
    if len(rows) < 2:
        raise UserError(
            f"AdaBN needs two images at least, and the target {target.dataset} has {len(rows)} for training in "
            f"{description.protocol}, fold {description.fold}: choose another split, or a method without AdaBN"
        )
    unadapted = networks_of(folder, description, choose_device(), precision)
    images = Images(target, data_root, unadapted.prepared, unadapted.size)
    adapted = with_statistics_of(
        unadapted.classifier, images, rows, batch=description.batch, precision=precision, seed=description.order_seed
    )
    learned = dict(adapted.named_parameters())
    save_file(
        {name: value.cpu() for name, value in adapted.state_dict().items() if name not in learned}, folder / STATISTICS
    )


def load_adaptation(folder: Path, device: torch.device | None = None, precision: str = "auto") -> Adaptation:
    """The adaptation in `folder`, on a device: that of `choose_device` if none is given.

    Args:
        precision: wanted, of `Inference`.

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
    """The networks in an adaptation's folder, with the classifier's own statistics.

    A classifier that was fine-tuned with the translator looks at its images.
    """
    translator, looking = None, folder / "classifier"
    if description.translates:
        generator, config = load_translator(folder / "translator")
        translator = generator.to(device).eval()
        looking = folder / "translator" if "classifier" in config else looking
    classifier, _ = load_classifier(looking)
    return Adaptation(description, classifier.to(device).eval(), translator, precision)
