"""The pipeline `table1`: every method, for several sources and seeds, summed up beside the paper's Table 1."""

from collections.abc import Collection

from kfp import dsl
from kfp.dsl.graph_component import GraphComponent
from kfp.dsl.pipeline_task import PipelineTask

from simpgan.components.ingest.component import ingest
from simpgan.components.summarise.component import summarise
from simpgan.pipelines.graphs.adaptation import Loops, experiment
from simpgan.pipelines.graphs.sources import OF_ONE_SOURCE, ingest_item, joint_source, without_parameters


def table1_pipeline(
    methods: Collection[str], parallelism: int = 0, joint: bool = False, with_companions: bool = False
) -> GraphComponent:
    """Return the pipeline with the loops that `methods` need.

    The target is ingested once, each source once for all its seeds, and each classifier is trained once for everything
    that is adapted with it. There is one summary per source and one of those summaries, because in kfp.local a task
    that collects the outputs of two nested loops gets a list of lists.

    Args:
        methods: the methods.
        parallelism: iterations of each loop that run at a time; 0: as many as the machines take.
        joint: whether all sources are joined to one, instead of being used one after the other.
        with_companions: whether further classifiers are trained, whose features are joined: one on each data set of a
            joint source, else one on each of further data sets than a first one.
    """
    unused: tuple[str, ...] = ("source_name", *OF_ONE_SOURCE, "companions")
    if joint:
        unused = (*OF_ONE_SOURCE, "companions")
    elif with_companions:
        unused = ("sources",)

    @dsl.pipeline(name="table1", description="All methods, sources and seeds, beside the paper's Table 1.")
    @without_parameters(*unused)
    def table1(
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
        seeds: list,
        adaptations: list,
        counterparts: list,
        umdl_splits: list,
        self_trainings: list,
        simpgan_self_trainings: list,
        ingest_settings: str,
        summarise_settings: str,
    ) -> dsl.Artifact:
        """All methods, sources and seeds, beside the paper's Table 1.

        Args:
            source_name: what results call the labelled data set, or all of them together.
            source_layout: official layout of the labelled data set, such as `market1501`.
            source_location: folder, archive or `s3://` prefix of the labelled data set.
            source_fingerprint: what lies there now, so that new data behind an old name is no stale hit.
            sources: labelled data sets, a list of {"source_name": ..., "source_layout": ..., "source_location": ...,
                "source_fingerprint": ...}.
            companions: labelled data sets of further classifiers, likewise.
            target_name: what results call the data set to adapt to.
            target_layout: official layout of the data set to adapt to.
            target_location: folder, archive or `s3://` prefix of the data set to adapt to.
            target_fingerprint: what lies there now.
            data_root: folder or `s3://` prefix for shards and checkpoints.
            seeds: settings with one seed each, as JSON: a list of {"pretrain_settings": ..., "train_gan_settings": ...,
                "translate_settings": ..., "self_train_settings": ..., "umdl_settings": ..., "evaluate_settings": ...}.
            adaptations: translations to train, {"method": ..., "protocol": ..., "fold": "0", "changes": "{}"}.
            counterparts: folds to train on the translated source in, {"protocol": ..., "fold": "0"}.
            umdl_splits: folds to learn UMDL in, likewise.
            self_trainings: folds on whose unlabelled images a classifier is trained, likewise.
            simpgan_self_trainings: likewise, after a training on the translated source.
            ingest_settings: IngestSettings as JSON, without the layout.
            summarise_settings: SummariseSettings as JSON.
        """
        target = ingest(
            layout=target_layout,
            name=target_name,
            location=target_location,
            fingerprint=target_fingerprint,
            settings=ingest_settings,
            data_root=data_root,
        ).set_display_name("ingest target")
        further = (sources if joint else companions) if with_companions else None
        loops = Loops(
            adaptations,
            counterparts,
            umdl_splits,
            self_trainings,
            simpgan_self_trainings,
            frozenset(methods),
            parallelism,
            further,
        )

        def every_seed(source: PipelineTask) -> PipelineTask:
            """Add all experiments of a source, and their summary."""
            with dsl.ParallelFor(seeds, parallelism=parallelism) as seed:
                evaluated = experiment(
                    source,
                    target,
                    data_root,
                    loops,
                    {
                        "ingest": ingest_settings,
                        "pretrain": seed.pretrain_settings,
                        "train_gan": seed.train_gan_settings,
                        "translate": seed.translate_settings,
                        "self_train": seed.self_train_settings,
                        "umdl": seed.umdl_settings,
                        "evaluate": seed.evaluate_settings,
                    },
                    needs_rows=True,
                )
            return summarise(settings=summarise_settings, results=dsl.Collected(evaluated.outputs["results"]))

        if joint:
            source = joint_source(source_name, sources, ingest_settings, data_root, parallelism)
            return every_seed(source).outputs["summary"]
        if with_companions:
            source = ingest(
                layout=source_layout,
                name=source_name,
                location=source_location,
                fingerprint=source_fingerprint,
                settings=ingest_settings,
                data_root=data_root,
            ).set_display_name("ingest source")
            return every_seed(source).outputs["summary"]
        with dsl.ParallelFor(sources, parallelism=parallelism) as item:
            of_source = every_seed(ingest_item(item, ingest_settings, data_root))
        summary = summarise(settings=summarise_settings, results=dsl.Collected(of_source.outputs["summary"]))
        return summary.outputs["summary"]

    return table1
