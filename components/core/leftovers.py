"""Files that desktops, network storage and camera software leave beside images. They are never part of a data set."""

import re
from fnmatch import translate

LEFTOVERS: dict[str, tuple[str, ...]] = {
    "every system": (".*",),
    "Windows": (
        "Thumbs.db",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "desktop.ini",
        "$RECYCLE.BIN",
        "RECYCLER",
        "RECYCLED",
        "System Volume Information",
        "FOUND.[0-9][0-9][0-9]",
        # A colon, or what Linux and macOS show instead where a name may have none.
        "*[:\uf022\uf03a]encryptable",
        "*[:\uf022\uf03a]Zone.Identifier",
    ),
    "macOS": (
        "Icon[\r\uf00d]",
        "__MACOSX",
        "Network Trash Folder",
        "Temporary Items",
        "TheVolumeSettingsFolder",
        "TheFindByContentFolder",
        "Desktop DB",
        "Desktop DF",
        ":2e*",
    ),
    "Linux and Android": ("lost+found", "LOST.DIR"),
    "Synology": (
        "@eaDir",
        "eaDir_tmp",
        "#recycle",
        "#snapshot",
        "@tmp",
        "@sharesnap",
        "*@SynoResource",
        "*@SynoEAStream",
    ),
    "QNAP": ("@Recycle", "@Recently-Snapshot", "@Transcode", "Network Recycle Bin*"),
    "WD, Netgear, Buffalo": ("Recycle Bin", "Recycle Bin - *", "trashbox"),
    "NetApp and Samba": ("~snapshot", "@GMT-*"),
    "photo and camera software": (
        "Picasa.ini",
        "ZbThumbnail.info",
        "Pspbrwse.jbf",
        "NKSC_PARAM",
        "CANONMSC",
        "*.THM",
        "*.CTG",
        "*.XMP",
        "*.AAE",
    ),
}
"""Names of files and folders by the system that leaves them, as `fnmatch` patterns without regard to case."""

_LEFTOVER = re.compile(
    "|".join(translate(pattern.lower()) for patterns in LEFTOVERS.values() for pattern in patterns), re.DOTALL
)


def is_hidden(path: str) -> bool:
    """Tell whether a file is hidden or a leftover, or lies in such a folder; `path` has `/` between its parts."""
    return any(part not in ("", ".", "..") and _LEFTOVER.match(part.lower()) for part in path.split("/"))
