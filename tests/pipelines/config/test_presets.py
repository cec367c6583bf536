"""Settings of a run: presets, `--set` and `--seed`, and what is said of the ones that are wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.core.errors import UserError
from simpgan.components.pretrain.settings import PretrainSettings
from simpgan.pipelines.config.presets import STAGES, names, parse_assignment, resolve


def resolved(preset=None, assignments=(), seed=None):
    return resolve(preset, assignments, seed, "market1501")


@pytest.fixture
def write(tmp_path):
    """Writes a preset file and returns its path."""

    def write(text: str, name: str = "preset.yaml") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def test_without_a_preset_the_defaults_hold():
    assert resolved().pretrain == PretrainSettings()


@pytest.mark.parametrize("name", names())
def test_every_preset_that_ships_is_valid(name):
    resolved(name)


def test_a_preset_names_only_what_differs_from_the_one_it_extends(write):
    write("{pretrain: {epochs: 2, pairs: 4}, train_gan: {steps: 9}}", "base.yaml")
    settings = resolved(write("{extends: base.yaml, pretrain: {epochs: 3}}"))
    assert (settings.pretrain.epochs, settings.pretrain.pairs, settings.train_gan.steps) == (3, 4, 9)


def test_set_comes_after_the_preset_and_the_seed_after_all(write):
    settings = resolved(write("{pretrain: {epochs: 2, seed: 1}}"), ["pretrain.epochs=5", "train-gan.rate=1e-3"], seed=7)
    assert (settings.pretrain.epochs, settings.train_gan.rate) == (5, 1e-3)
    assert settings.pretrain.seed == settings.train_gan.seed == settings.evaluate.seed == 7


def test_what_a_run_resolved_can_be_given_as_a_preset(write):
    settings = resolved(None, ["train_gan.method=gan", "evaluate.protocols=[all250]"], seed=3)
    assert resolved(write(settings.as_yaml())) == settings


def test_the_name_of_the_preset_is_recorded_also_when_its_settings_are_given_again(write):
    assert resolved().evaluate.preset == ""
    settings = resolved("small")
    assert settings.evaluate.preset == "small"
    assert resolved(write(settings.as_yaml())) == settings


@pytest.mark.parametrize(
    ("assignment", "value"),
    [("pretrain.epochs=3", 3), ("pretrain.weights=none", "none"), ("pretrain.weights=a=b", "a=b")],
)
def test_values_are_yaml(assignment, value):
    assert parse_assignment(assignment)[2] == value


def test_a_part_of_a_setting_leaves_its_other_parts(write):
    base = write("{ingest: {columns: {person: pid, camera: cam}}}", "base.yaml")
    preset = write(f"{{extends: {base}, ingest: {{columns: {{camera: station}}}}}}")
    columns = resolved(preset, ["ingest.columns.path=file", "ingest.columns.time=when"]).ingest.columns
    assert (columns.path, columns.person, columns.camera, columns.time) == ("file", "pid", "station", "when")
    assert parse_assignment("columns.person=pid", "ingest") == ("ingest", "columns", {"person": "pid"})


@given(st.sampled_from(sorted(STAGES)), st.integers())
def test_an_assignment_is_read_back(stage, value):
    assert parse_assignment(f"{stage}.name={value}") == (stage, "name", value)
    assert parse_assignment(f"name={value}", stage) == (stage, "name", value)


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (
            ["train_gan.lambda_similarty=1"],
            "unknown setting 'train_gan.lambda_similarty': did you mean 'lambda_similarity'?",
        ),
        (["train_gam.steps=1"], "--set 'train_gam.steps=1': unknown stage 'train_gam': did you mean 'train_gan'?"),
        (["steps=1"], "--set 'steps=1' is not an assignment: write it like --set train_gan.steps=300"),
        (["train_gan.steps"], "--set 'train_gan.steps' is not an assignment: write it like --set train_gan.steps=300"),
        (["train_gan.method=simgan"], "setting 'train_gan.method' has no choice 'simgan': did you mean 'simpgan'?"),
        (["pretrain.backbone=resnet51"], "setting 'pretrain.backbone' has no choice 'resnet51': did you mean"),
        (["pretrain.epochs=many"], "setting 'pretrain.epochs' = 'many': input should be a valid integer"),
        (["pretrain.epochs=0"], "setting 'pretrain.epochs' = 0: input should be greater than or equal to 1"),
        (["pretrain.epochs=1.5"], "setting 'pretrain.epochs' = 1.5: input should be a valid integer"),
        (["pretrain.epochs=[1"], "--set 'pretrain.epochs=[1': the value is not valid YAML: quote it"),
        (["ingest.columns.persn=pid"], "unknown setting 'ingest.columns.persn': did you mean 'person'?"),
        (["ingest.columns=pid"], "setting 'ingest.columns' = 'pid': input should be a valid dictionary"),
        (["train_gan.lambda_similarity=0"], "method simpgan needs lambda_similarity above 0"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(assignments, message):
    with pytest.raises(UserError) as refused:
        resolved(None, assignments)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{pretrane: {epochs: 1}}", "unknown stage 'pretrane': did you mean 'pretrain'?"),
        ("{pretrain: 3}", "'pretrain' is not a mapping of settings: write 'pretrain: {name: value}'"),
        ("- pretrain", "is not a mapping: write 'train_gan: {steps: 300}'"),
        ("{pretrain: {epochs: 1}", "is not YAML"),
        ("{extends: preset.yaml}", "extends itself"),
        ("{extends: smal}", "unknown preset 'smal'"),
        ("{extends: [small]}", "'extends' names no preset"),
        ("{extends: gone.yaml}", "does not exist"),
        ("{pretrain: {epohs: 1}}", "unknown setting 'pretrain.epohs': did you mean 'epochs'?"),
    ],
)
def test_a_wrong_preset_file_is_refused_in_one_line(write, text, message):
    with pytest.raises(UserError) as refused:
        resolved(write(text))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"^unknown preset 'smal': did you mean 'small'\?$"):
        resolved("smal")
