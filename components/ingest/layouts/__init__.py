"""The layouts of data sets that ingest reads, by name: each is a module of this package and a line in `CLASSES`."""

from collections.abc import Iterator, Mapping
from functools import cache
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simpgan.components.ingest.layouts.base import Layout

CLASSES = {
    "market1501": "market1501:Market1501",
    "dukemtmcreid": "dukemtmcreid:DukeMtmcReid",
    "occluded-duke": "occluded_duke:OccludedDuke",
    "msmt17": "msmt17:Msmt17",
    "msmt17-v2": "msmt17:Msmt17V2",
    "cuhk01": "cuhk01:Cuhk01",
    "cuhk03-labelled": "cuhk03:Cuhk03Labelled",
    "cuhk03-detected": "cuhk03:Cuhk03Detected",
    "cuhk03-np-labelled": "cuhk03_np:Cuhk03NpLabelled",
    "cuhk03-np-detected": "cuhk03_np:Cuhk03NpDetected",
    "grid": "grid:Grid",
    "viper": "viper:Viper",
    "prid2011": "prid2011:Prid2011",
    "ilids": "ilids:Ilids",
    "cameras": "cameras:Cameras",
    "table": "table:Table",
}
"""Module and class of each layout, by its name."""


class Layouts(Mapping[str, "Layout"]):
    """The layouts by name. A layout's module is imported when it is first asked for, so names alone cost nothing."""

    def __getitem__(self, name: str) -> "Layout":
        return made(name)

    def __iter__(self) -> Iterator[str]:
        return iter(CLASSES)

    def __len__(self) -> int:
        return len(CLASSES)


@cache
def made(name: str) -> "Layout":
    """Return the layout of that name, always the same object.

    Raises:
        KeyError: there is none.
    """
    layout: Layout = resolve_name(f"{__name__}.{CLASSES[name]}")(name)
    return layout


LAYOUTS = Layouts()
