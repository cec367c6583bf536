"""The ingest stage as KFP components: whole data sets, parts and their merging, and the check before a training."""

from kfp import dsl

from simpgan.components.core.images import image


@dsl.component(base_image=image("ingest"), install_kfp_package=False)
def ingest(
    layout: str,
    name: str,
    location: str,
    fingerprint: str,
    settings: str,
    data_root: str,
    manifest: dsl.Output[dsl.Dataset],
) -> None:
    """Read a data set in its official layout into shards and a manifest.

    Args:
        layout: name of the layout, such as `market1501`.
        name: name of the data set in the results.
        location: folder, archive or `s3://` prefix that holds the data set.
        fingerprint: state of the files at `location`; part of the cache key only, so that other files are read again.
        settings: IngestSettings as JSON.
        data_root: folder or `s3://` prefix for the shards.
        manifest: output, the manifest of the data set.
    """
    import json
    from pathlib import Path

    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.ingest import stage
    from simpgan.components.ingest.settings import IngestSettings

    with refusals_recorded("ingest"):
        resolved = IngestSettings.resolve(json.loads(settings), {"layout": layout, "name": name}, stage="ingest")
        written = stage.run(location, resolved, data_root, Path(manifest.path))
        manifest.metadata.update(layout=layout, name=name, digest=written.digest)


@dsl.component(base_image=image("ingest"), install_kfp_package=False)
def ingest_part(
    part: str,
    settings: str,
    data_root: str,
    listing: dsl.Input[dsl.Dataset],
    manifest: dsl.Output[dsl.Dataset],
) -> None:
    """Read one part of the new images of unlabelled cameras into shards and a manifest.

    Args:
        part: number of the part, in digits (KFP turns the integers of a list into floats).
        settings: IngestSettings as JSON, without the layout.
        data_root: folder or `s3://` prefix for the shards.
        listing: the new files, in parts, as watch wrote them.
        manifest: output, the manifest of the part.
    """
    import json
    from pathlib import Path

    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.ingest import part as stage
    from simpgan.components.ingest.settings import IngestSettings

    with refusals_recorded("ingest_part"):
        resolved = IngestSettings.resolve(json.loads(settings), {"layout": "cameras"}, stage="ingest")
        written = stage.run(Path(listing.path), int(part), resolved, data_root, Path(manifest.path))
        manifest.metadata.update(digest=written.files_digest)


@dsl.component(base_image=image("ingest"), install_kfp_package=False)
def merge(
    settings: str,
    threshold: str,
    parts: dsl.Input[list[dsl.Dataset]],
    former: dsl.Input[dsl.Dataset],
    manifest: dsl.Output[dsl.Dataset],
) -> str:
    """Join parts, and the data set before them, into one manifest.

    Args:
        settings: IngestSettings as JSON, without the layout.
        threshold: number of new images that are worth a training, in digits.
        parts: manifests that ingest_part wrote.
        former: the data set's last manifest.
        manifest: output, the manifest of all images.

    Returns:
        `yes` if as many images as the threshold have other bytes than any before, else `no`. Watch tells files apart by
            their versions only, and the same images may have been copied to their place again.
    """
    import json
    from pathlib import Path

    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.ingest import merge as stage
    from simpgan.components.ingest.settings import IngestSettings

    with refusals_recorded("merge"):
        resolved = IngestSettings.resolve(json.loads(settings), {"layout": "cameras"}, stage="ingest")
        folders = [Path(each.path) for each in parts]
        merged = stage.run(folders, resolved, Path(manifest.path), Path(former.path))
        manifest.metadata.update(name=merged.manifest.dataset, digest=merged.manifest.digest)
        return "yes" if merged.new >= int(threshold) else "no"


@dsl.component(base_image=image("ingest"), install_kfp_package=False)
def check(
    adaptations: list,
    counterparts: list,
    umdl_splits: list,
    self_trainings: list,
    simpgan_self_trainings: list,
    pretrain_settings: str,
    train_gan_settings: str,
    self_train_settings: str,
    evaluate_settings: str,
    needs_rows: str,
    source: dsl.Input[dsl.Dataset],
    target: dsl.Input[dsl.Dataset],
) -> None:
    """Check two data sets before the first training, by their manifests and the settings.

    Args:
        adaptations: translations to train, {"method": ..., "protocol": ..., "fold": "0", "changes": "{}"}.
        counterparts: folds for which a classifier is trained on the translated source, {"protocol": ..., "fold": "0"}.
        umdl_splits: folds for which UMDL is learned, likewise.
        self_trainings: folds on whose unlabelled images a classifier is trained, likewise.
        simpgan_self_trainings: likewise, after a training on the translated source.
        pretrain_settings: PretrainSettings as JSON.
        train_gan_settings: TrainGanSettings as JSON.
        self_train_settings: SelfTrainSettings as JSON.
        evaluate_settings: EvaluateSettings as JSON.
        needs_rows: `yes` if results without a single ranking are useless.
        source: manifest of the labelled data set.
        target: manifest of the data set to adapt to.
    """
    import json
    from pathlib import Path

    from simpgan.components.core.data.suitability import PlannedExperiment
    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.ingest import check as stage

    def splits(*lists: list) -> list[tuple[str, int]]:
        return [(each["protocol"], int(each["fold"])) for items in lists for each in items]

    with refusals_recorded("check"):
        asked = PlannedExperiment.of_settings(
            *map(json.loads, (pretrain_settings, train_gan_settings, self_train_settings, evaluate_settings)),
            translations=splits(adaptations, counterparts, simpgan_self_trainings),
            umdl=splits(umdl_splits),
            self_trainings=splits(self_trainings, simpgan_self_trainings),
            needs_rows=needs_rows == "yes",
        )
        stage.run(Path(source.path), Path(target.path), asked)


@dsl.component(base_image=image("ingest"), install_kfp_package=False)
def join(
    name: str,
    data_root: str,
    sources: dsl.Input[list[dsl.Dataset]],
    manifest: dsl.Output[dsl.Dataset],
) -> None:
    """Join labelled data sets into one source.

    Args:
        name: name of the joint data set; empty: the names of the sources.
        data_root: folder or `s3://` prefix that holds the shards of all of them.
        sources: manifests that ingest wrote.
        manifest: output, the manifest of all of them.
    """
    from pathlib import Path

    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.ingest import join as stage

    with refusals_recorded("join"):
        written = stage.run([Path(source.path) for source in sources], name, data_root, Path(manifest.path))
        manifest.metadata.update(name=written.dataset, digest=written.digest)
