"""An adaptation as a folder: a classifier, the parts that fit it to a target, and its evaluation.

    adaptation.json          description, and the digests of the other files
    classifier/              model folder, as the pretrain stage wrote it
    translator/              model folder, as the train_gan stage wrote it; only with a method that translates
    statistics.safetensors   the classifier's batch-norm statistics of the target, and of its cameras; only with AdaBN.
                             With whitening also the mean and the directions of its features
    companions/0/, ...       classifier, statistics and source of further classifiers; only with joined features
    source/, target/         manifests of the data sets it was trained with
    evaluation/              results.json, probes.parquet and checks.json, if there are any
    card.md                  model card, once it is registered

The classifier keeps its own statistics, which further training needs; `load_adaptation` loads those of the target.
"""

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simpgan.components.core.data.image_tensors import resize_images, to_uint8, to_unit_range
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.manifest_tables import FILES
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.camera_statistics import CameraInference, CameraStatistics
from simpgan.components.core.models.classifier import SiameseClassifier, load_classifier
from simpgan.components.core.models.companions import companions_in, refuse_unfit, sources_of, variant_of
from simpgan.components.core.models.extraction import (
    PreparedImages,
    features_of,
    measure_statistics,
    with_whitening,
)
from simpgan.components.core.models.joined import JoinedInference
from simpgan.components.core.models.model_folder import MODEL_FILES, model_digest, read_config
from simpgan.components.core.models.precision import Inference
from simpgan.components.core.models.translator import Generator, load_translator
from simpgan.components.core.registry.description import (
    Description,
    check_method,
    evaluation_digest,
    file_digests,
)
from simpgan.components.core.results.methods import CAMERA_ADABN, WITH_CLASSIFIER
from simpgan.components.core.training.device import choose_device

STATISTICS = "statistics.safetensors"
COMPANIONS = "companions"
EVALUATION_FILES = ("results.json", "probes.parquet", "checks.json")


@dataclass(frozen=True, eq=False)
class Adaptation:
    """A classifier ready for images like the target's.

    Attributes:
        description: the description of the adaptation.
        classifier: classifier with the statistics it was trained with.
        translator: F, which images go through first; None: images are used as recorded.
        precision: wanted precision, as for `Inference`.
        statistics: statistics that the classifier looks with; None: its own.
        companions: further classifiers whose features are joined with its own, each with its statistics.
    """

    description: Description
    classifier: SiameseClassifier
    translator: Generator | None
    precision: str
    statistics: CameraStatistics | None = None
    companions: tuple[tuple[SiameseClassifier, CameraStatistics | None], ...] = ()

    @cached_property
    def looking(self) -> JoinedInference:
        """Return the classifiers in their precision, with the statistics of the method."""
        members = [(self.classifier, self.statistics), *self.companions]
        return JoinedInference(
            tuple(CameraInference(classifier, self.precision, statistics) for classifier, statistics in members)
        )

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
        return self.looking.dimensions

    def features(
        self, images: Tensor, batch: int = 64, cameras: Sequence[str | None] | None = None
    ) -> NDArray[np.float32]:
        """Compute features [N, D] of length 1, compared by cosine, of images uint8 [N, 3, H, W] of any size.

        They are the features that the evaluate stage measures: the mean of each image's and its mirror image's.

        Args:
            images: the images.
            batch: number of images that go through the networks together.
            cameras: camera of each image, by the name that `statistics` has for it; None: unknown. Unknown cameras, and
                those without statistics of their own, take those of the whole set.
        """
        unit = np.empty((len(images), self.dimensions), np.float32)
        cameras = [None] * len(images) if cameras is None else cameras
        for member, columns, share in self.looking.columns():
            for network, of_network in member.by_camera(cameras):
                for start in range(0, len(of_network), batch):
                    places = of_network[start : start + batch]
                    prepared = self.prepared(images[torch.from_numpy(places)].to(self.classifier.mean.device))
                    own = member.whitened(features_of(network, prepared)[0].cpu().numpy())
                    unit[places, columns] = own * share
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
    companions: Sequence[Path] = (),
    companion_sources: Sequence[Path] = (),
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
        classifier: model folder; with source-to-target and self-training the classifier that it trained.
        source: folder of the source's manifest.
        target: folder of the target's manifest.
        data_root: folder or `s3://` prefix that holds the shards.
        translator: model folder; not used by a method without translation.
        companions: model folders of further classifiers; not used by a method whose features are not joined.
        companion_sources: folders of the manifests that they were trained on.
        evaluation: folder of the evaluate stage's results.
        protocol: protocol of the target to whose training images it is adapted, if neither translator nor classifier
            was trained for a split; empty: the first split with training images.
        fold: fold of the protocol.
        variant: tells its training from others of its method in the results; joined features have their own.
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
    learned_by = trained.get("adaptation", {}).get("method", "")
    if learned_by != (draft.base if draft.base in WITH_CLASSIFIER else ""):
        what = f"was trained by {learned_by}" if learned_by else "was trained on the source as recorded"
        raise UserError(f"the classifier in '{classifier}' {what}, and the method is {method}: give the other one")
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
    if draft.joins:
        draft = draft.model_copy(update={"variant": variant_of(refuse_no_companions(companions, classifier, method))})
        sources = sources_of(companions, companion_sources)
        for place, (companion, of_companion) in enumerate(zip(companions, sources, strict=True)):
            parts[f"{COMPANIONS}/{place}/classifier"] = (companion, MODEL_FILES)
            parts[f"{COMPANIONS}/{place}/source"] = (of_companion, FILES)
            digests[f"companion-{place}"] = model_digest(companion)
            digests[f"companion_source-{place}"] = Manifest.load(of_companion).digest
    if evaluation:
        parts["evaluation"] = (evaluation, EVALUATION_FILES)
        digests["evaluation"] = evaluation_digest(evaluation, method)
    for name, (part, files) in parts.items():
        copy_existing(part, folder / name, files)
    description = draft.model_copy(update={"protocol": protocol, "fold": fold, "digests": digests})
    if description.statistics:
        save_statistics(folder, description, data_root, precision)
    description = description.model_copy(update={"files": file_digests(folder)})
    description.write(folder)
    return description


def refuse_no_companions(companions: Sequence[Path], classifier: Path, method: str) -> Sequence[Path]:
    """Return the companions of a classifier if there are any and they fit it; else raise UserError."""
    if not companions:
        raise UserError(f"the method {method} joins the features of several classifiers: give companions too")
    refuse_unfit(classifier, companions)
    return companions


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
    """Measure and write the classifier's batch-norm statistics of the target's training images, as it gets them.

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
    classifiers = [unadapted.classifier, *(companion for companion, _ in unadapted.companions)]
    for classifier, place in zip(classifiers, [folder, *companions_in(folder / COMPANIONS)], strict=True):
        measured = measure_statistics(
            classifier,
            images,
            rows,
            batch=description.batch,
            precision=precision,
            seed=description.order_seed,
            by_camera=description.statistics == CAMERA_ADABN,
        )
        if description.whitens:
            measured = with_whitening(classifier, images, rows, measured, batch=description.batch, precision=precision)
        measured.save(place / STATISTICS)


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
    if not description.statistics:
        return adaptation
    companions = tuple(
        (companion, CameraStatistics.load(place / STATISTICS, companion))
        for (companion, _), place in zip(adaptation.companions, companions_in(folder / COMPANIONS), strict=True)
    )
    statistics = CameraStatistics.load(folder / STATISTICS, adaptation.classifier)
    return replace(adaptation, statistics=statistics, companions=companions)


def networks_of(folder: Path, description: Description, device: torch.device, precision: str) -> Adaptation:
    """Load the networks in an adaptation's folder, with the classifiers' own statistics.

    If the classifier was fine-tuned with the translator, that version is loaded.
    """
    translator, looking = None, folder / "classifier"
    if description.translates:
        generator, config = load_translator(folder / "translator")
        translator = generator.to(device).eval()
        looking = folder / "translator" if "classifier" in config else looking
    classifier, *companions = (
        load_classifier(place)[0].to(device).eval()
        for place in (looking, *(place / "classifier" for place in companions_in(folder / COMPANIONS)))
    )
    return Adaptation(
        description, classifier, translator, precision, companions=tuple((each, None) for each in companions)
    )
