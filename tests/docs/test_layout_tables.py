"""The tables of layouts in ingest's README are those of the layouts."""

import pytest

from simpgan.components.ingest.layouts import LAYOUTS
from tests.docs.layout_tables import END, START, counts, inputs, with_layouts
from tests.docs.settings_tables import readme


def test_the_readme_has_the_present_layouts() -> None:
    text = readme("ingest").read_text()
    assert text == with_layouts(text), "to update it: python -m tests.docs.settings_tables"


def test_a_row_has_files_protocols_and_counts() -> None:
    row = (
        "| `grid` | `probe/`, `gallery/`, `features_and_partitions.mat` | `folds10` (folds 0-9), `all250` | `all250` | "
    )
    address = "http://personal.ie.cuhk.edu.hk/~ccloy/downloads_qmul_underground_reid.html"
    assert f"{row}[personal.ie.cuhk.edu.hk]({address}) |" in inputs().splitlines()
    assert "| `grid` | `folds10` | 10 | 250 of 125 | 125 of 125 | 900 of 125 |" in counts().splitlines()
    assert "| `ilids` | `folds10` | 10 | 59 people | 60 of 60 | 60 of 60 |" in counts().splitlines()
    assert not any(row.startswith("| `cameras`") for row in counts().splitlines())


def test_every_layout_has_a_row() -> None:
    assert [row.split("`")[1] for row in inputs().splitlines()[2:]] == list(LAYOUTS)


def test_a_readme_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="needs two lines"):
        with_layouts(f"{START}\n{END}\n")


@pytest.mark.parametrize("name", [name for name, layout in LAYOUTS.items() if any(layout.published.values())])
def test_a_layouts_docstring_has_a_citation_with_its_year_and_an_address(name: str) -> None:
    texts = [each.__doc__ or "" for each in type(LAYOUTS[name]).__mro__]
    cited = next(text for text in texts if "http" in text)
    assert "*" in cited
    assert any(str(year) in cited for year in range(2007, 2026))
