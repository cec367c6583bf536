"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

PresetOption = Annotated[
    str | None,
    typer.Option("--preset", help="Preset (small, demo, paper), or a YAML file. Without: the settings' defaults."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="STAGE.SETTING=VALUE", help="Change one setting; may be given several times."),
]
SeedOption = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of every stage that has one.")]
DataRootOption = Annotated[
    str | None,
    typer.Option(
        "--data-root",
        envvar="SIMPGAN_DATA_ROOT",
        help="Folder or s3:// prefix for images and checkpoints. Without: the folder 'data' in --out.",
    ),
]
SharedDataRootOption = Annotated[
    str,
    typer.Option(
        "--data-root",
        envvar="SIMPGAN_DATA_ROOT",
        help="Folder or s3:// prefix for images and checkpoints, the same for all stages.",
    ),
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for all that the command makes.")]


def split(text: str) -> list[str]:
    """The parts of a list with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
