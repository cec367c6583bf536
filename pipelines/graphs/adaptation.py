"""The graph of one experiment: everything that is measured for one source, one target and one seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kfp import dsl
from kfp.dsl.pipeline_task import PipelineTask

from simpgan.components.core.results.methods import SELF_TRAINING, SIMPGAN_SELF_TRAINING, SOURCE_TO_TARGET, TRANSLATORS
from simpgan.components.evaluate.component import evaluate
from simpgan.components.ingest.component import check
from simpgan.components.pretrain.component import pretrain
from simpgan.components.self_train.component import self_train
from simpgan.components.train_gan.component import train_gan
from simpgan.components.translate.component import translate
from simpgan.components.umdl.component import umdl
from simpgan.pipelines.graphs.sources import List, Text, ingest_item


@dataclass(frozen=True)
class Loops:
    """What the pipeline gets to loop over, and the loops it has.

    kfp.local cannot collect the outputs of a loop over an empty list, so loops without items are left out of the graph.

    Attributes:
        adaptations: list of {"method", "protocol", "fold", "changes"}.
        counterparts, umdl, self_trainings, simpgan_self_trainings: lists of {"protocol", "fold"}.
        methods: which loops there are: those that one of these methods needs.
        parallelism: iterations at a time (0: as many as the machines take).
        companions: labelled data sets, on each of which a further classifier is trained, whose features are joined: a
            list of {"source_name", "source_layout", "source_location", "source_fingerprint"}; None: there are none.
    """

    adaptations: List
    counterparts: List
    umdl: List
    self_trainings: List
    simpgan_self_trainings: List
    methods: frozenset[str]
    parallelism: int
    companions: List | None = None

    @property
    def has_adaptations(self) -> bool:
        """Tell whether translators are trained."""
        return not self.methods.isdisjoint(TRANSLATORS)


def experiment(
    source: PipelineTask,
    target: PipelineTask,
    data_root: Text,
    loops: Loops,
    settings: Mapping[str, Text],
    *,
    needs_rows: bool = False,
) -> PipelineTask:
    """Add the experiment to the pipeline that is being built.

    Args:
        source, target: tasks of ingest.
        settings: of each stage by its name, as JSON.
        needs_rows: whether an evaluation without a single ranking is of no use.

    Returns:
        The task of evaluate.
    """
    manifests = {"source": source.outputs["manifest"], "target": target.outputs["manifest"]}
    checked = check(
        adaptations=loops.adaptations,
        counterparts=loops.counterparts,
        umdl_splits=loops.umdl,
        self_trainings=loops.self_trainings,
        simpgan_self_trainings=loops.simpgan_self_trainings,
        needs_rows="yes" if needs_rows else "no",
        **{f"{stage}_settings": settings[stage] for stage in ("pretrain", "train_gan", "self_train", "evaluate")},
        **manifests,
    )
    classifier = pretrain(settings=settings["pretrain"], data_root=data_root, source=manifests["source"]).after(
        checked
    )  # data sets that a later stage must refuse should not cost a training
    inputs = {**manifests, "classifier": classifier.outputs["classifier"]}
    collected: dict[str, Any] = {}
    if loops.has_adaptations:
        with dsl.ParallelFor(loops.adaptations, parallelism=loops.parallelism) as adaptation:
            translator = train_gan(
                method=adaptation.method,
                protocol=adaptation.protocol,
                fold=adaptation.fold,
                changes=adaptation.changes,
                settings=settings["train_gan"],
                data_root=data_root,
                **inputs,
            )
            translated = translate(
                direction="target-to-source",
                settings=settings["translate"],
                data_root=data_root,
                images=manifests["target"],
                translator=translator.outputs["translator"],
            )
        collected["translated"] = dsl.Collected(translated.outputs["translated"])
        collected["translators"] = dsl.Collected(translator.outputs["translator"])
    if SOURCE_TO_TARGET in loops.methods:
        with dsl.ParallelFor(loops.counterparts, parallelism=loops.parallelism) as split:
            counterpart = counterpart_of(split, inputs, data_root, settings)
        collected["counterparts"] = dsl.Collected(counterpart.outputs["classifier"])
    if "umdl" in loops.methods:
        with dsl.ParallelFor(loops.umdl, parallelism=loops.parallelism) as split:
            features = umdl(
                protocol=split.protocol,
                fold=split.fold,
                settings=settings["umdl"],
                data_root=data_root,
                **manifests,
            ).after(checked)
        collected["features"] = dsl.Collected(features.outputs["features"])
    if loops.companions is not None:
        with dsl.ParallelFor(loops.companions, parallelism=loops.parallelism) as item:
            # A data set that was read before, for a joint source or another seed, is in the cache.
            labelled = ingest_item(item, settings["ingest"], data_root).after(checked)
            fitting = check(
                adaptations=[],
                counterparts=[],
                umdl_splits=[],
                self_trainings=[],
                simpgan_self_trainings=[],
                needs_rows="no",
                **{
                    f"{stage}_settings": settings[stage]
                    for stage in ("pretrain", "train_gan", "self_train", "evaluate")
                },
                source=labelled.outputs["manifest"],
                target=manifests["target"],
            )
            companion = pretrain(
                settings=settings["pretrain"], data_root=data_root, source=labelled.outputs["manifest"]
            ).after(fitting)
        collected["companions"] = dsl.Collected(companion.outputs["classifier"])
        collected["companion_sources"] = dsl.Collected(labelled.outputs["manifest"])
    if SELF_TRAINING in loops.methods:
        with dsl.ParallelFor(loops.self_trainings, parallelism=loops.parallelism) as split:
            trained = self_trained(SELF_TRAINING, classifier, split, target, data_root, settings)
        collected["self_trained"] = dsl.Collected(trained.outputs["classifier"])
    if SIMPGAN_SELF_TRAINING in loops.methods:
        with dsl.ParallelFor(loops.simpgan_self_trainings, parallelism=loops.parallelism) as split:
            counterpart = counterpart_of(split, inputs, data_root, settings)
            trained = self_trained(SIMPGAN_SELF_TRAINING, counterpart, split, target, data_root, settings)
        collected["simpgan_self_trained"] = dsl.Collected(trained.outputs["classifier"])
    return evaluate(settings=settings["evaluate"], data_root=data_root, **inputs, **collected)


def counterpart_of(
    split: Any, inputs: Mapping[str, Any], data_root: Text, settings: Mapping[str, Text]
) -> PipelineTask:
    """Add the training of a classifier on the source as SimPGAN translates it into the target's style.

    The translator gets the arguments of the adaptation by SimPGAN, and every loop those of every other, so that the
    cache has what another one has made. A server that runs loops at once trains the same side by side: KFP lets no loop
    wait for another one.

    Args:
        split: item of the loop, {"protocol", "fold"}.
        inputs: source, target and classifier.
    """
    translator = train_gan(
        method="simpgan",
        protocol=split.protocol,
        fold=split.fold,
        changes="{}",
        settings=settings["train_gan"],
        data_root=data_root,
        **inputs,
    )
    translated = translate(
        direction="source-to-target",
        settings=settings["translate"],
        data_root=data_root,
        images=inputs["source"],
        translator=translator.outputs["translator"],
    )
    return pretrain(settings=settings["pretrain"], data_root=data_root, source=translated.outputs["translated"])


def self_trained(
    method: str, start: PipelineTask, split: Any, target: PipelineTask, data_root: Text, settings: Mapping[str, Text]
) -> PipelineTask:
    """Add the training of the classifier that `start` made on the target's unlabelled images in a split."""
    return self_train(
        method=method,
        protocol=split.protocol,
        fold=split.fold,
        settings=settings["self_train"],
        data_root=data_root,
        target=target.outputs["manifest"],
        initial=start.outputs["classifier"],
    )
