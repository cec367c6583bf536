"""README's table of methods has the present results."""

from tests.docs.blocks import ROOT
from tests.docs.method_table import COLUMNS, END, START, table, with_methods


def test_readme_has_the_present_results() -> None:
    text = (ROOT / "README.md").read_text()
    assert text.count(START) == text.count(END) == 1
    assert text == with_methods(text), "to update it: python -m tests.docs.method_table"


def test_every_transfer_has_its_highest_rate_in_bold() -> None:
    lines = table().splitlines()[2:]
    assert lines
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")][2:]
        assert len(cells) == len(COLUMNS)
        rates = {float(cell.strip("*").split(" / ")[0]): cell for cell in cells if cell}
        assert [cell for cell in cells if cell.startswith("**")] == [rates[max(rates)]]
