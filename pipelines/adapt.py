"""The pipeline `adapt`: from a labelled source and an unlabelled target to a table of results."""

from kfp import dsl
from kfp.dsl.graph_component import GraphComponent

from components.evaluate.component import evaluate
from components.ingest.component import ingest
from components.pretrain.component import pretrain
from components.train_gan.component import train_gan
from components.translate.component import translate


def adapt_pipeline(parallelism: int = 0) -> GraphComponent:
    """The pipeline with at most `parallelism` adaptations at a time (0: as many as the machines take)."""

    @dsl.pipeline(name="adapt", description="Adapt a re-identification model to unlabelled cameras.")
    def adapt(
        source_name: str,
        source_layout: str,
        source_location: str,
        source_fingerprint: str,
        target_name: str,
        target_layout: str,
        target_location: str,
        target_fingerprint: str,
        data_root: str,
        adaptations: list,
        ingest_settings: str,
        pretrain_settings: str,
        train_gan_settings: str,
        translate_settings: str,
        evaluate_settings: str,
    ) -> dsl.Artifact:
        """Adapt a re-identification model to unlabelled cameras.

        Args:
            source_name: what results call the labelled data set.
            source_layout: official layout of the labelled data set, such as `market1501`.
            source_location: folder, archive or `s3://` prefix of the labelled data set.
            source_fingerprint: what lies there now, so that new data behind an old name is no stale hit.
            target_name: what results call the data set to adapt to.
            target_layout: official layout of the data set to adapt to.
            target_location: folder, archive or `s3://` prefix of the data set to adapt to.
            target_fingerprint: what lies there now.
            data_root: folder or `s3://` prefix for shards and checkpoints.
            adaptations: what to train, a list of {"method": ..., "protocol": ..., "fold": "0"}.
            ingest_settings: IngestSettings as JSON, without the layout.
            pretrain_settings: PretrainSettings as JSON.
            train_gan_settings: TrainGanSettings as JSON; every adaptation replaces its own part of them.
            translate_settings: TranslateSettings as JSON.
            evaluate_settings: EvaluateSettings as JSON.
        """
        source = ingest(
            layout=source_layout,
            name=source_name,
            location=source_location,
            fingerprint=source_fingerprint,
            settings=ingest_settings,
            data_root=data_root,
        ).set_display_name("ingest source")
        target = ingest(
            layout=target_layout,
            name=target_name,
            location=target_location,
            fingerprint=target_fingerprint,
            settings=ingest_settings,
            data_root=data_root,
        ).set_display_name("ingest target")
        classifier = pretrain(settings=pretrain_settings, data_root=data_root, source=source.outputs["manifest"]).after(
            target
        )  # a target that cannot be read should not cost a training
        with dsl.ParallelFor(adaptations, parallelism=parallelism) as adaptation:
            translator = train_gan(
                method=adaptation.method,
                protocol=adaptation.protocol,
                fold=adaptation.fold,
                settings=train_gan_settings,
                data_root=data_root,
                source=source.outputs["manifest"],
                target=target.outputs["manifest"],
                classifier=classifier.outputs["classifier"],
            )
            translated = translate(
                settings=translate_settings,
                data_root=data_root,
                target=target.outputs["manifest"],
                translator=translator.outputs["translator"],
            )
        evaluated = evaluate(
            settings=evaluate_settings,
            data_root=data_root,
            source=source.outputs["manifest"],
            target=target.outputs["manifest"],
            classifier=classifier.outputs["classifier"],
            translated=dsl.Collected(translated.outputs["translated"]),
        )
        return evaluated.outputs["results"]

    return adapt
