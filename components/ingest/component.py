"""The ingest stage as a KFP component."""

from kfp import dsl

from components.core.images import image


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

    from components.ingest import stage
    from components.ingest.settings import IngestSettings

    resolved = IngestSettings.parse({**json.loads(settings), "layout": layout, "name": name}, stage="ingest")
    written = stage.run(location, resolved, data_root, Path(manifest.path))
    manifest.metadata.update(layout=layout, name=name, digest=written.digest)
