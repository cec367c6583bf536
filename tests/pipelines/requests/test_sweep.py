"""What will be trained: every method in every fold with every value of a sweep, or a refusal in one line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.core.errors import UserError
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.pipelines.requests.data_sets import DataSet
from simpgan.pipelines.requests.sweep import Plan, PlannedAdaptation, Split, every_split, find_splits, plan

GRID = DataSet("grid", "somewhere", "grid")
ALL = Split("all250", 0)


def test_every_method_is_trained_in_every_fold():
    planned = plan(TrainGanSettings(), ["simpgan", "gan"], ["folds10:3", "all250"], GRID)
    assert planned.adaptations == (
        PlannedAdaptation("simpgan", Split("folds10", 3)),
        PlannedAdaptation("gan", Split("folds10", 3)),
        PlannedAdaptation("simpgan", ALL),
        PlannedAdaptation("gan", ALL),
    )
    assert not planned.counterparts
    assert not planned.umdl


def test_methods_without_a_translation_of_the_target_have_their_own_lists():
    planned = plan(TrainGanSettings(), ["umdl", "source-to-target"], ["folds10:0-1"], GRID)
    splits = (Split("folds10", 0), Split("folds10", 1))
    assert (planned.adaptations, planned.counterparts, planned.umdl) == ((), splits, splits)
    assert planned.methods == ["source-to-target", "umdl"]


def test_self_training_has_a_list_for_each_start():
    planned = plan(TrainGanSettings(), ["self-training", "simpgan+self-training"], ["folds10:0-1"], GRID)
    splits = (Split("folds10", 0), Split("folds10", 1))
    assert (planned.self_trainings, planned.simpgan_self_trainings) == (splits, splits)
    assert (planned.methods, planned.counterparts) == (["self-training", "simpgan+self-training"], ())
    assert planned.as_arguments()["self_trainings"] == [split.as_item() for split in splits]
    assert plan(TrainGanSettings(), ["self-training"], ["all250"], GRID).with_gan == []


def test_direct_transfer_alone_trains_nothing_for_the_target():
    planned = plan(TrainGanSettings(), ["direct"], ["all250"], GRID)
    assert planned == Plan(())


def test_what_is_not_asked_for_comes_from_the_settings_and_nothing_is_trained_twice():
    settings = TrainGanSettings(method="cyclegan", protocol="folds10", fold=2)
    assert plan(settings, [], [], GRID).adaptations == (PlannedAdaptation("cyclegan", Split("folds10", 2)),)
    assert plan(settings, ["gan", "gan"], ["all250", "all250:0"], GRID).adaptations == (PlannedAdaptation("gan", ALL),)


@given(st.integers(0, 9), st.integers(0, 9))
def test_a_range_has_its_first_and_its_last_fold(one, other):
    first, last = sorted((one, other))
    folds = [split.fold for split in find_splits([f"folds10:{first}-{last}"], GRID)]
    assert folds == list(range(first, last + 1))


def test_every_split_has_probes_and_is_there():
    assert [split.protocol for split in find_splits(every_split(GRID), GRID)] == ["all250"] + ["folds10"] * 10
    assert "all:0-0" not in every_split(DataSet("cuhk01", "somewhere", "cuhk01"))


def test_a_target_with_one_protocol_needs_no_name_of_it():
    market = DataSet("market1501", "somewhere", "market1501")
    assert plan(TrainGanSettings(), ["gan"], [], market).adaptations == (
        PlannedAdaptation("gan", Split("standard", 0)),
    )


def test_protocols_of_sources_alone_do_not_count_as_a_choice():
    msmt = DataSet("msmt17", "somewhere", "msmt17")
    assert [each.split for each in plan(TrainGanSettings(), ["gan"], [], msmt).adaptations] == [Split("standard", 0)]


def changes(*sweep, method="simpgan"):
    planned = plan(TrainGanSettings(), [method], ["all250"], GRID, sweep)
    return [(adaptation.method, json.loads(adaptation.changes)) for adaptation in planned.adaptations]


def test_every_value_of_a_sweep_is_an_adaptation():
    assert changes("train_gan.rate=1e-4,1") == [("simpgan", {"rate": 1e-4}), ("simpgan", {"rate": 1})]
    assert changes("train_gan.pairs=1,2", "train_gan.input_skip=true,false") == [
        ("simpgan", {"pairs": pairs, "input_skip": skip}) for pairs in (1, 2) for skip in (True, False)
    ]


def test_simpgan_without_its_similarity_loss_is_cyclegan():
    sweep = "train_gan.lambda_similarity=0,0.1"
    assert changes(sweep) == [("cyclegan", {}), ("simpgan", {"lambda_similarity": 0.1})]


def test_simpgan_fit_without_one_of_its_losses_is_refused():
    with pytest.raises(UserError, match="simpgan-fit needs lambda_similarity above 0"):
        changes("train_gan.lambda_similarity=0,0.1", method="simpgan-fit")
    for sweep, setting in (("train_gan.lambda_fitness=0,1", 1), ("train_gan.lambda_similarity=1", 0)):
        settings = TrainGanSettings(lambda_fitness=setting)
        with pytest.raises(UserError, match="simpgan-fit needs lambda_fitness above 0; without it the method is"):
            plan(settings, ["simpgan-fit"], [], GRID, [sweep])


def test_a_sweep_of_what_a_method_has_no_use_for_trains_it_once():
    assert changes("train_gan.lambda_similarity=0,0.1,1", method="gan") == [("gan", {})]


@pytest.mark.parametrize(
    ("methods", "protocols", "sweep", "message"),
    [
        (["cycelgan"], [], [], "--method: unknown method 'cycelgan': did you mean 'cyclegan'?"),
        (["simpgan"], ["fold10:0"], [], "grid has no protocol 'fold10' to train in: did you mean 'folds10'?"),
        (["umdl"], ["folds10:10"], [], "grid, protocol 'folds10', has no fold 10: they go from 0 to 9"),
        (["gan"], ["folds10:8-12"], [], "grid, protocol 'folds10', has no fold 10: they go from 0 to 9"),
        (["gan"], ["folds10:5-3"], [], "--protocol 'folds10:5-3' is an empty range: write folds10:3-5"),
        (["gan"], ["folds10:first"], [], "--protocol 'folds10:first' names no fold: write folds10:0 or folds10:0-9"),
        (["gan"], ["folds10:-1"], [], "--protocol 'folds10:-1' names no fold: write folds10:0 or folds10:0-9"),
        (
            ["simpgan"],
            [],
            ["train_gan.lambda_simlarity=1"],
            "unknown setting 'train_gan.lambda_simlarity': did you mean 'lambda_similarity'?",
        ),
        (["simpgan"], [], ["pretrain.epochs=1,2"], "--sweep 'pretrain.epochs=1,2' is no list of values of train_gan"),
        (["simpgan"], [], ["train_gan.rate"], "--sweep 'train_gan.rate' is no list of values of train_gan"),
        (["simpgan"], [], ["train_gan.rate=1,x"], "setting 'train_gan.rate' = 'x': input should be a valid number"),
        (["simpgan"], [], ["train_gan.rate=1,[2"], "--sweep 'train_gan.rate=1,[2': a value is not valid YAML"),
        (["simpgan"], [], ["train_gan.fold=1,2"], "--sweep 'train_gan.fold=1,2': give several of them by --protocol"),
        (["umdl"], [], ["train_gan.rate=1,2"], "--sweep has nothing to train: add one of simpgan"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(methods, protocols, sweep, message):
    with pytest.raises(UserError) as refused:
        plan(TrainGanSettings(), methods, protocols, GRID, sweep)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("method", ["simpgan", "source-to-target"])
def test_a_method_that_the_settings_forbid_is_refused(method):
    settings = TrainGanSettings(method="cyclegan", lambda_similarity=0)
    with pytest.raises(UserError, match="method simpgan needs lambda_similarity above 0"):
        plan(settings, ["cyclegan", method], [], GRID)
