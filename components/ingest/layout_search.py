"""Find a layout's data set among files, and sort the files out."""

from simpgan.components.core.errors import UserError
from simpgan.components.ingest.file_source import FileSource
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.layouts.base import Label, Layout, TooLarge

SHOWN = 8


def find_data_set(files: FileSource, layout: Layout) -> FileSource:
    """Return the files below the folder that contains the layout's folders, at whatever depth.

    Raises:
        UserError: there is no such folder, or more than one; its names have the form of another layout; or one of the
            layout's other files is missing.
    """
    if not files.sizes:
        raise UserError(f"{files.location} is empty: give the folder or archive that holds {_wanted(layout)}")
    if not layout.folders:
        return files
    folders = _folders(files)
    roots = _roots(folders, layout)
    fitting = [root for root in roots if _fits(files, root, layout)]
    hint = "" if fitting else _other_layout(files, folders, layout)
    if not roots:
        raise UserError(
            f"no {layout.name} data set in {files.location}: looked for {_wanted(layout)}; found {_found(files)}"
            + (hint or _packed(files) or _unlabelled(files))
        )
    if hint:
        raise UserError(f"no {layout.name} data set in {files.location}: its names are not {layout.names}{hint}")
    roots = fitting or roots
    if len(roots) > 1:
        raise UserError(
            f"{len(roots)} {layout.name} data sets in {files.location} ({', '.join(roots[:SHOWN])}): name one of them"
        )
    below = files.below(roots[0])
    for names in layout.files:
        if not any(name in below.sizes for name in names):
            place = f"{files.location}/{roots[0]}".rstrip("/")
            raise UserError(f"no {' or '.join(names)} in {place}: {layout.name} needs it for its protocols")
    return below


def sort_out(files: FileSource, layout: Layout) -> tuple[dict[str, Label], dict[str, str]]:
    """Return labels of the files whose names have the layout's form, and the reasons against other files, by name.

    Files outside the layout's folders, if it has any, are ignored.
    """
    prefixes = tuple(f"{folder}/" for folder in layout.folders) or ("",)
    labels: dict[str, Label] = {}
    rejected = dict(files.refused)
    for name in files.sizes:
        if name.startswith(prefixes):
            try:
                label = layout.label(name)
            except TooLarge as refused:
                rejected[name] = str(refused)
                continue
            if label:
                labels[name] = label
            else:
                rejected[name] = f"its name is not {layout.names}"
    return labels, rejected


def _folders(files: FileSource) -> set[str]:
    """Return all folders, "" for the root, the others ending in /."""
    folders = {""}
    for path in files.sizes:
        parts = path.split("/")
        folders.update("/".join(parts[:depth]) + "/" for depth in range(1, len(parts)))
    return folders


def _roots(folders: set[str], layout: Layout) -> list[str]:
    """Return the folders that contain all folders of the layout."""
    return sorted(root for root in folders if all(f"{root}{folder}/" in folders for folder in layout.folders))


def _fits(files: FileSource, root: str, layout: Layout) -> bool:
    """Tell whether a file below `root` is in a folder of the layout, and its name has the layout's form."""
    prefixes = tuple(f"{root}{folder}/" for folder in layout.folders)
    return any(_has_form(name.removeprefix(root), layout) for name in files.sizes if name.startswith(prefixes))


def _has_form(name: str, layout: Layout) -> bool:
    """Tell whether a name has the layout's form, if with a number that is too large."""
    try:
        return layout.label(name) is not None
    except TooLarge:
        return True


def _other_layout(files: FileSource, folders: set[str], wanted: Layout) -> str:
    """Return a hint on the layout that the files have instead, as the end of a sentence; "" if there is none."""
    for layout in LAYOUTS.values():
        if (
            layout is not wanted
            and layout.folders
            and any(_fits(files, root, layout) for root in _roots(folders, layout))
        ):
            return f"; it looks like {layout.name}: write {layout.name}:{files.location}"
    return ""


def _packed(files: FileSource) -> str:
    """Return a hint on how to take images out of a file that is there, as the end of a sentence; "" if none is."""
    names = {name.rpartition("/")[2] for name in files.sizes}
    hints = (
        f"; {file}: {remedy}" for layout in LAYOUTS.values() for file, remedy in layout.packed.items() if file in names
    )
    return next(hints, "")


def _unlabelled(files: FileSource) -> str:
    """Return a hint that the files may be unlabelled images of cameras, as the end of a sentence; "" if not."""
    cameras = LAYOUTS["cameras"]
    if any(cameras.label(name) for name in files.sizes):
        return f"; if it has one folder per camera and no labels, write {cameras.name}:{files.location}"
    return ""


def _wanted(layout: Layout) -> str:
    """Return the folders and files that a layout looks for, for messages."""
    files = [" or ".join(names) for names in layout.files]
    return ", ".join([*(f"{folder}/" for folder in layout.folders), *files]) or layout.names


def _found(files: FileSource) -> str:
    """Return the first entries of the root folder, for messages."""
    entries = sorted({name + "/" * bool(below) for name, below, _ in (path.partition("/") for path in files.sizes)})
    more = f" and {len(entries) - SHOWN} more" if len(entries) > SHOWN else ""
    return ", ".join(entries[:SHOWN]) + more
