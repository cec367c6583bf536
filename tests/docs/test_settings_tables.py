"""The settings tables of the READMEs are those of the settings classes."""

import pytest

from simpgan.components.core.settings import Settings
from simpgan.components.propose.settings import ProposeSettings
from simpgan.components.train_gan.settings import TrainGanSettings
from tests.docs.settings_tables import END, STAGES, START, readme, settings_class, table, with_table


@pytest.mark.parametrize("stage", STAGES)
def test_a_readme_has_the_present_settings(stage: str) -> None:
    text = readme(stage).read_text()
    assert text == with_table(text, settings_class(stage)), "to update it: python -m tests.docs.settings_tables"


@pytest.mark.parametrize("stage", STAGES)
def test_every_setting_is_described_in_sentences(stage: str) -> None:
    for name, field in settings_class(stage).model_fields.items():
        assert field.description, name
        assert field.description[0].isupper() or field.description[0] == "`", name
        assert field.description.endswith("."), name
        assert not field.description.startswith("Of "), name


def test_a_row_has_default_bounds_and_description() -> None:
    rows = table(TrainGanSettings).splitlines()
    assert (
        "| `height` | `256` | integer ≥ 32, multiple of 4 | Height in pixels to which images are stretched. |" in rows
    )
    assert any(row.startswith("| `seed` | `0` | integer ≥ 0, < 2^53 | ") for row in rows)
    assert any(row.startswith("| `upsample` | `transposed` | `transposed`, `resize` | ") for row in rows)
    assert any(row.startswith("| `recompute` | `false` | `false`, `true` | ") for row in rows)


def test_inherited_settings_are_listed() -> None:
    assert "| `tolerance` |" in table(ProposeSettings)


def test_a_bar_in_a_description_does_not_end_the_cell() -> None:
    [row] = [row for row in table(TrainGanSettings).splitlines() if row.startswith("| `lambda_identity` |")]
    assert r"\|F(I_S) - I_S\|" in row


def test_text_around_the_table_stays() -> None:
    text = f"before\n\n{START}\nold\n{END}\nafter\n"
    assert with_table(text, Settings) == f"before\n\n{START}\n{table(Settings)}{END}\nafter\n"


@pytest.mark.parametrize("text", ["", START, f"{END}\n{START}\n"])
def test_a_readme_without_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="needs one line"):
        with_table(text, Settings)
