"""Open the data set at a location, in whichever layout."""

from collections.abc import Iterator
from contextlib import contextmanager

from simpgan.components.ingest.by_names import contents_of
from simpgan.components.ingest.contents import Contents
from simpgan.components.ingest.file_source import open_file_source
from simpgan.components.ingest.layout_search import find_data_set
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.layouts.table import Table
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.ingest.tables import contents as tables


@contextmanager
def open_contents(location: str, settings: IngestSettings) -> Iterator[Contents]:
    """Find the data set of a layout at a location, and sort its files out.

    Raises:
        UserError: nothing of the layout is there.
    """
    layout = LAYOUTS[settings.layout]
    if isinstance(layout, Table):
        with tables.open_table_contents(location, settings, layout) as contents:
            yield contents
        return
    with open_file_source(location) as files:
        yield contents_of(find_data_set(files, layout), layout, published=settings.name in (None, layout.name))
