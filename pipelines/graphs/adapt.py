"""The pipeline `adapt`: from a labelled source and an unlabelled target to a table of results."""

from collections.abc import Collection

from kfp import dsl
from kfp.dsl.graph_component import GraphComponent

from simpgan.components.ingest.component import ingest
from simpgan.pipelines.graphs.adaptation import Loops, experiment
from simpgan.pipelines.graphs.sources import OF_ONE_SOURCE, joint_source, without_parameters


def adapt_pipeline(
    methods: Collection[str], parallelism: int = 0, joint: bool = False, with_companions: bool = False
) -> GraphComponent:
    """Return the pipeline with the loops that `methods` need.

    Args:
        methods: the methods.
        parallelism: iterations of each loop that run at a time; 0: as many as the machines take.
        joint: whether the source is several data sets, which are joined.
        with_companions: whether further classifiers are trained, whose features are joined: one on each data set of a
            joint source, else one on each of further data sets.
    """
    unused: tuple[str, ...] = OF_ONE_SOURCE if joint else ("sources",)
    unused += () if with_companions and not joint else ("companions",)

    @dsl.pipeline(name="adapt", description="Adapt a re-identification model to unlabelled cameras.")
    @without_parameters(*unused)
    def adapt(
        source_name: str,
        source_layout: str,
        source_location: str,
        source_fingerprint: str,
        sources: list,
        companions: list,
        target_name: str,
        target_layout: str,
        target_location: str,
        target_fingerprint: str,
        data_root: str,
        adaptations: list,
        counterparts: list,
        umdl_splits: list,
        self_trainings: list,
        simpgan_self_trainings: list,
        ingest_settings: str,
        pretrain_settings: str,
        train_gan_settings: str,
        translate_settings: str,
        self_train_settings: str,
        umdl_settings: str,
        evaluate_settings: str,
    ) -> dsl.Artifact:
        """Adapt a re-identification model to unlabelled cameras.

        Args:
            source_name: what results call the labelled data set.
            source_layout: official layout of the labelled data set, such as `market1501`.
            source_location: folder, archive or `s3://` prefix of the labelled data set.
            source_fingerprint: what lies there now, so that new data behind an old name is no stale hit.
            sources: labelled data sets that are joined, a list of {"source_name": ..., "source_layout": ...,
                "source_location": ..., "source_fingerprint": ...}.
            companions: labelled data sets of further classifiers, likewise.
            target_name: what results call the data set to adapt to.
            target_layout: official layout of the data set to adapt to.
            target_location: folder, archive or `s3://` prefix of the data set to adapt to.
            target_fingerprint: what lies there now.
            data_root: folder or `s3://` prefix for shards and checkpoints.
            adaptations: translations to train, {"method": ..., "protocol": ..., "fold": "0", "changes": "{}"}.
            counterparts: folds to train on the translated source in, {"protocol": ..., "fold": "0"}.
            umdl_splits: folds to learn UMDL in, likewise.
            self_trainings: folds on whose unlabelled images a classifier is trained, likewise.
            simpgan_self_trainings: likewise, after a training on the translated source.
            ingest_settings: IngestSettings as JSON, without the layout.
            pretrain_settings: PretrainSettings as JSON.
            train_gan_settings: TrainGanSettings as JSON; every adaptation replaces its own part of them.
            translate_settings: TranslateSettings as JSON.
            self_train_settings: SelfTrainSettings as JSON; every fold replaces its own part of them.
            umdl_settings: UmdlSettings as JSON; every fold replaces its own part of them.
            evaluate_settings: EvaluateSettings as JSON.
        """
        if joint:
            source = joint_source(source_name, sources, ingest_settings, data_root, parallelism)
        else:
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
        evaluated = experiment(
            source,
            target,
            data_root,
            Loops(
                adaptations,
                counterparts,
                umdl_splits,
                self_trainings,
                simpgan_self_trainings,
                frozenset(methods),
                parallelism,
                (sources if joint else companions) if with_companions else None,
            ),
            {
                "ingest": ingest_settings,
                "pretrain": pretrain_settings,
                "train_gan": train_gan_settings,
                "translate": translate_settings,
                "self_train": self_train_settings,
                "umdl": umdl_settings,
                "evaluate": evaluate_settings,
            },
        )
        return evaluated.outputs["results"]

    return adapt
