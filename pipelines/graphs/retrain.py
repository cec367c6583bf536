"""The pipeline `retrain`: when cameras have sent enough new images, the model in use learns from them."""

from collections.abc import Mapping
from typing import Any

from kfp import dsl
from kfp.dsl.graph_component import GraphComponent
from kfp.dsl.pipeline_task import PipelineTask

from simpgan.components.champion.component import champion
from simpgan.components.core.registry.continuation import FOLD, PROTOCOL, learns_from_clusters, translator_of
from simpgan.components.core.results.methods import SELF_TRAINING
from simpgan.components.drift.component import drift
from simpgan.components.evaluate.component import evaluate
from simpgan.components.ingest.component import ingest_part, merge
from simpgan.components.propose.component import propose
from simpgan.components.self_train.component import self_train
from simpgan.components.train_gan.component import train_gan
from simpgan.components.translate.component import translate
from simpgan.components.watch.component import watch

PARTS_AT_A_TIME = 8


def retrain_pipeline(method: str, parallelism: int = PARTS_AT_A_TIME) -> GraphComponent:
    """Return the pipeline for a method: a translating one, self-training, or one that only adapts statistics.

    Overlapping runs are safe: shards and checkpoints are named by their content, and the same candidate is one version.

    Args:
        method: the method.
        parallelism: parts that are read at a time.
    """

    @dsl.pipeline(name="retrain", description="Go on from the model in use when there are enough new images.")
    def retrain(
        location: str,
        model: str,
        threshold: str,
        part_images: str,
        data_root: str,
        ingest_settings: str,
        drift_settings: str,
        train_gan_settings: str,
        translate_settings: str,
        self_train_settings: str,
        evaluate_settings: str,
        propose_settings: str,
    ) -> dsl.Dataset:
        """Go on from the model in use when there are enough new images.

        Args:
            location: folder or `s3://` prefix of camera images, one folder per camera.
            model: name of the registered model whose champion is in use.
            threshold: how many new images are worth a training, in digits.
            part_images: how many files are read as one part, in digits.
            data_root: folder or `s3://` prefix for shards and checkpoints.
            ingest_settings: IngestSettings as JSON, without the layout.
            drift_settings: DriftSettings as JSON.
            train_gan_settings: TrainGanSettings as JSON.
            translate_settings: TranslateSettings as JSON.
            self_train_settings: SelfTrainSettings as JSON.
            evaluate_settings: EvaluateSettings as JSON.
            propose_settings: ProposeSettings as JSON.
        """
        # What these stages look at changes behind its name: files, the champion. A cache would not see it.
        watched = watch(
            location=location, model=model, method=method, threshold=threshold, part_images=part_images
        ).set_caching_options(False)
        with dsl.If(watched.outputs["Output"] == "yes", name="enough files"):
            used = champion(model=model, which="champion").set_caching_options(False)
            with dsl.ParallelFor(watched.outputs["parts"], parallelism=parallelism) as part:
                read = ingest_part(
                    part=part, settings=ingest_settings, data_root=data_root, listing=watched.outputs["listing"]
                )
            merged = merge(
                settings=ingest_settings,
                threshold=threshold,
                parts=dsl.Collected(read.outputs["manifest"]),
                former=watched.outputs["known"],
            )
            with dsl.If(merged.outputs["Output"] == "yes", name="enough images"):
                looked_at = {
                    "source": used.outputs["source"],
                    "target": merged.outputs["manifest"],
                    "classifier": used.outputs["classifier"],
                    "data_root": data_root,
                }
                drift(
                    settings=drift_settings,
                    data_root=data_root,
                    reference=used.outputs["target"],
                    new=merged.outputs["manifest"],
                    classifier=used.outputs["classifier"],
                )
                joined = used.outputs["companions"]
                proposed = dict(looked_at)
                if learns_from_clusters(method):
                    learned = self_train(
                        method=SELF_TRAINING,
                        protocol=PROTOCOL,
                        fold=str(FOLD),
                        settings=self_train_settings,
                        data_root=data_root,
                        target=merged.outputs["manifest"],
                        initial=used.outputs["classifier"],
                    )
                    # Both look beside the champion's classifier, whose features the checks without labels begin with.
                    results, of_champion = (
                        evaluate(
                            settings=evaluate_settings, counterpart=made.outputs["classifier"], **looked_at
                        ).set_display_name(f"evaluate {which}")
                        for which, made in (("candidate", learned), ("champion", used))
                    )
                    proposed["classifier"] = learned.outputs["classifier"]
                elif translator_of(method):
                    trained = train_gan(
                        method=translator_of(method),
                        protocol=PROTOCOL,
                        fold=str(FOLD),
                        changes="{}",
                        settings=train_gan_settings,
                        initial=used.outputs["translator"],
                        **looked_at,
                    )
                    proposed["translator"] = trained.outputs["translator"]
                    settings = {"translate": translate_settings, "evaluate": evaluate_settings}
                    results = evaluation(looked_at, trained, settings, joined).set_display_name("evaluate candidate")
                    of_champion = evaluation(looked_at, used, settings, joined).set_display_name("evaluate champion")
                else:
                    results = of_champion = evaluate(settings=evaluate_settings, joined=joined, **looked_at)
                propose(
                    settings=propose_settings,
                    results=results.outputs["results"],
                    results_of_champion=of_champion.outputs["results"],
                    joined=joined,
                    **proposed,
                ).set_caching_options(False)
        return watched.outputs["listing"]

    return retrain


def evaluation(
    looked_at: Mapping[str, Any], made: PipelineTask, settings: Mapping[str, Any], joined: Any
) -> PipelineTask:
    """Add the evaluation of the translator that a task has made, or fetched, to the pipeline that is being built."""
    translator = made.outputs["translator"]
    translated = translate(
        direction="target-to-source",
        settings=settings["translate"],
        data_root=looked_at["data_root"],
        images=looked_at["target"],
        translator=translator,
    )
    return evaluate(
        settings=settings["evaluate"],
        translation=translated.outputs["translated"],
        translator=translator,
        joined=joined,
        **looked_at,
    )
