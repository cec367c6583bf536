"""The watch stage as a KFP component."""

from kfp import dsl

from simpgan.components.core.images import image


@dsl.component(base_image=image("watch"), install_kfp_package=False)
def watch(
    location: str,
    model: str,
    method: str,
    threshold: str,
    part_images: str,
    known: dsl.Output[dsl.Dataset],
    listing: dsl.Output[dsl.Dataset],
    parts: dsl.OutputPath(list),  # type: ignore[valid-type]
) -> str:
    """List the new files of a location in parts, compared with the images that the model in use was trained on.

    Never cache this stage: the files change, and so does the model in use.

    Args:
        location: folder or `s3://` prefix of camera images.
        model: name of the registered model whose champion is in use.
        method: method of the next training; a translating one needs a champion that translates.
        threshold: number of new files that are worth a training, in digits.
        part_images: number of files in a part, in digits.
        known: output, manifest of the images that the champion, or a waiting candidate, was trained on.
        listing: output, the new files; empty if they are too few.
        parts: output, the numbers of the parts, in digits.

    Returns:
        `yes` if there are as many new files as the threshold, else `no`. (It is the only result, and the parts leave by
            a path, since a condition in kfp.local knows only the result named `Output`.)
    """
    import json
    from pathlib import Path

    from simpgan.components.core.tracking.refusals import refusals_recorded
    from simpgan.components.watch import stage
    from simpgan.components.watch.known import fetch_known

    with refusals_recorded("watch"):
        before = fetch_known(model, method, location, Path(known.path))
        known.metadata.update(name=before.dataset, digest=before.files_digest)
        found = stage.run(location, Path(known.path), int(threshold), int(part_images), Path(listing.path))
        listing.metadata.update(digest=found.digest)
        Path(parts).parent.mkdir(parents=True, exist_ok=True)
        Path(parts).write_text(json.dumps([str(part) for part in found.parts]))
        return "yes" if found.parts else "no"
