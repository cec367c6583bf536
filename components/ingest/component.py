"""The ingest stage as KFP components: the whole data set at once, or parts of its new images and their merging; and the
check of two data sets before anything is trained."""

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
    """Read a data set in its official layout into shards under the data root, and a manifest of them.

    Args:
        layout: name of the layout, such as `market1501`.
        name: what results call the data set.
        location: folder, archive or `s3://` prefix that holds the data set.
        fingerprint: what lies at `location` now; it is here so that other data is another cache key.
        settings: IngestSettings as JSON.
        data_root: folder or `s3://` prefix for the shards.
        manifest: output, which image is who, where, and in which role.
    """
    import json
    from pathlib import Path

    from simpgan.components.ingest import stage
    from simpgan.components.ingest.settings import IngestSettings

    resolved = IngestSettings.parse({**json.loads(settings), "layout": layout, "name": name}, stage="ingest")
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
    """Read one part of the new images of unlabelled cameras into shards under the data root, and a manifest of them.

    Args:
        part: its number, in digits (KFP turns the integers of a list into floats).
        settings: IngestSettings as JSON, without the layout.
        data_root: folder or `s3://` prefix for the shards.
        listing: what is new, in parts, as watch wrote it.
        manifest: output, the images of the part.
    """
    import json
    from pathlib import Path

    from simpgan.components.ingest import part as stage
    from simpgan.components.ingest.settings import IngestSettings

    resolved = IngestSettings.parse({**json.loads(settings), "layout": "cameras"}, stage="ingest")
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
    """Join the parts that were read, and the data set before them, into one manifest.

    Args:
        settings: IngestSettings as JSON, without the layout.
        threshold: how many new images are worth a training, in digits.
        parts: manifests that ingest_part wrote.
        former: the data set's manifest before.
        manifest: output, all images.

    Returns:
        `yes` if so many images have other bytes than any before, else `no`: the watch stage tells files apart by their
        versions only, and somebody may have copied the same images to their place again.
    """
    import json
    from pathlib import Path

    from simpgan.components.ingest import merge as stage
    from simpgan.components.ingest.settings import IngestSettings

    resolved = IngestSettings.parse({**json.loads(settings), "layout": "cameras"}, stage="ingest")
    folders = [Path(each.path) for each in parts]
    merged = stage.run(folders, resolved, Path(manifest.path), Path(former.path))
    manifest.metadata.update(name=merged.manifest.dataset, digest=merged.manifest.digest)
    return "yes" if merged.new >= int(threshold) else "no"


@dsl.component(base_image=image("ingest"), install_kfp_package=False)
def check(
    adaptations: list,
    counterparts: list,
    umdl_splits: list,
    pretrain_settings: str,
    train_gan_settings: str,
    evaluate_settings: str,
    needs_rows: str,
    source: dsl.Input[dsl.Dataset],
    target: dsl.Input[dsl.Dataset],
) -> None:
    """Stop before the first training for every reason that two manifests and the settings tell.

    Args:
        adaptations: translations to train, {"method": ..., "protocol": ..., "fold": "0", "changes": "{}"}.
        counterparts: folds to train on the translated source in, {"protocol": ..., "fold": "0"}.
        umdl_splits: folds to learn UMDL in, likewise.
        pretrain_settings: PretrainSettings as JSON.
        train_gan_settings: TrainGanSettings as JSON.
        evaluate_settings: EvaluateSettings as JSON.
        needs_rows: `yes` if results without a single ranking are of no use.
        source: manifest of the labelled data set.
        target: manifest of the data set to adapt to.
    """
    import json
    from pathlib import Path

    from simpgan.components.core.data.suitability import Experiment
    from simpgan.components.ingest import check as stage

    asked = Experiment.of_settings(
        *map(json.loads, (pretrain_settings, train_gan_settings, evaluate_settings)),
        translations=[(split["protocol"], int(split["fold"])) for split in [*adaptations, *counterparts]],
        umdl=[(split["protocol"], int(split["fold"])) for split in umdl_splits],
        needs_rows=needs_rows == "yes",
    )
    stage.run(Path(source.path), Path(target.path), asked)
