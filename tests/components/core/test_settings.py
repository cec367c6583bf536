"""Settings are refused with the nearest valid name."""

import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.evaluate.settings import EvaluateSettings
from simpgan.components.pretrain.settings import PretrainSettings
from simpgan.components.train_gan.settings import TrainGanSettings


@pytest.mark.parametrize(
    ("cls", "values", "complaint"),
    [
        (
            TrainGanSettings,
            {"lamda_similarity": 1},
            "unknown setting 'train_gan.lamda_similarity': .*'lambda_similarity'",
        ),
        (TrainGanSettings, {"method": "simgan"}, "'train_gan.method' has no choice 'simgan': did you mean 'simpgan'"),
        (TrainGanSettings, {"steps": "many"}, "'train_gan.steps' = 'many': .*integer"),
        (TrainGanSettings, {"steps": 0}, "'train_gan.steps' = 0: .*greater than or equal to 1"),
        (TrainGanSettings, {"height": 130}, "'train_gan.height' = 130: .*multiple of 4"),
        (TrainGanSettings, {"lambda_cycle": 0}, "simpgan needs lambda_cycle above 0"),
        (TrainGanSettings, {"lambda_similarity": 0}, "without it the method is 'cyclegan'"),
        (PretrainSettings, {"backbone": "resnet5"}, "did you mean 'resnet50'"),
        (PretrainSettings, {"identity_weight": 0, "verification_weight": 0}, "nothing is left to learn"),
        (EvaluateSettings, {"protocols": "folds10"}, "'train_gan.protocols' = 'folds10': .*list"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(cls: type, values: dict, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as refused:
        cls.parse(values, stage="train_gan" if cls is not PretrainSettings else "pretrain")
    assert "\n" not in str(refused.value)


def test_text_is_read_as_the_setting_s_type() -> None:
    """Values come from a command line as text."""
    settings = TrainGanSettings.parse({"steps": "20", "lambda_similarity": "0.1", "input_skip": "true"})
    assert (settings.steps, settings.lambda_similarity, settings.input_skip) == (20, 0.1, True)


def test_methods_switch_losses_off() -> None:
    adversarial = {"adversarial_g": 1, "adversarial_f": 1}
    assert TrainGanSettings(method="gan").loss_weights(0) == adversarial
    assert TrainGanSettings(method="cyclegan").loss_weights(0) == {**adversarial, "cycle": 10}
    assert TrainGanSettings().loss_weights(0) == {**adversarial, "cycle": 10, "similarity": 1}


@pytest.mark.parametrize("cls", [PretrainSettings, TrainGanSettings, EvaluateSettings])
def test_defaults_are_valid(cls: type) -> None:
    cls.parse({})
