"""The command line as it is kept beside the results."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpgan.pipelines.runner.command_text import command_line, without_folders


@pytest.mark.parametrize(
    ("argument", "kept"),
    [
        ("market1501:/home/me/Market-1501/", "market1501:Market-1501"),
        ("--source=grid:../underground_reid", "--source=grid:underground_reid"),
        ("grid:s3://bucket/data/grid.tar", "grid:grid.tar"),
        ("s3://bucket/data", "data"),
        ("pretrain.weights=/w/resnet50.safetensors", "pretrain.weights=resnet50.safetensors"),
        ("runs/one", "one"),
        ("all250,folds10:0-9", "all250,folds10:0-9"),
        ("train_gan.rate=1e-4", "train_gan.rate=1e-4"),
        ("grid:underground_reid", "grid:underground_reid"),
    ],
)
def test_of_a_path_only_the_last_part_is_kept(argument, kept):
    assert without_folders(argument) == kept


@given(st.lists(st.text().filter(lambda text: "/" not in text)))
def test_a_shell_reads_the_arguments_back(arguments):
    assert shlex.split(command_line(arguments)) == ["simpgan", *arguments]
