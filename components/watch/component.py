"""The watch stage as a KFP component."""

from kfp import dsl

from components.core.images import image


@dsl.component(base_image=image("watch"), install_kfp_package=False)
def watch(
    location: str,
    threshold: str,
    part_images: str,
    known: dsl.Input[dsl.Dataset],
    listing: dsl.Output[dsl.Dataset],
    parts: dsl.OutputPath(list),  # type: ignore[valid-type]
) -> str:
    """List the files at a location that a data set was not made from, in parts to be read.

    Args:
        location: folder or `s3://` prefix of camera images.
        threshold: how many new files are worth a training, in digits.
        part_images: how many files a part has, in digits.
        known: manifest of the data set.
        listing: output, the new files; none if they are too few.
        parts: output, the numbers of its parts, in digits.

    Returns:
        `yes` if there are as many as the threshold, else `no`. (It is the only result, and the other one a path, since
        kfp.local knows no result of another name in a condition.)
    """
    import json
    from pathlib import Path

    from components.watch import stage

    found = stage.run(location, Path(known.path), int(threshold), int(part_images), Path(listing.path))
    listing.metadata.update(digest=found.digest)
    Path(parts).parent.mkdir(parents=True, exist_ok=True)
    Path(parts).write_text(json.dumps([str(part) for part in found.parts]))
    return "yes" if found.parts else "no"
