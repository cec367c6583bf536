"""The layouts of data sets that ingest reads, by name.

A new layout needs a module in this package, an entry below, and its name among the choices of `IngestSettings.layout`.
"""

from simpgan.components.ingest.layouts.base import Layout
from simpgan.components.ingest.layouts.cameras import Cameras
from simpgan.components.ingest.layouts.cuhk01 import Cuhk01
from simpgan.components.ingest.layouts.grid import Grid
from simpgan.components.ingest.layouts.market1501 import Market1501

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (Market1501(), Cuhk01(), Grid(), Cameras())}
