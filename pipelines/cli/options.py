"""The options that several commands share. `cli.help` explains their placeholders."""

from pathlib import Path
from typing import Annotated

import typer

from simpgan.pipelines.cli.locations import a_place, a_preset, a_profile, a_registry
from simpgan.pipelines.config.defaults import Combination, Runner

CLUSTER = "Cluster"
"""The panel of options about the cluster."""

# What to run.
TargetDataOption = Annotated[str, typer.Option("--target", metavar="LAYOUT:PATH", help="Data set to adapt to.")]
SourcesOption = Annotated[
    list[str], typer.Option("--source", metavar="LAYOUT:PATH", help="Labelled data set; repeatable.")
]
SourceNamesOption = Annotated[
    list[str] | None,
    typer.Option("--source-name", metavar="NAME", help="Name in results; one per --source, in order."),
]
CombineOption = Annotated[
    Combination | None,
    typer.Option("--combine", metavar="WAY", help="How several sources are used together."),
]
TargetNameOption = Annotated[
    str, typer.Option("--target-name", metavar="NAME", help="Name in results; by default the layout's.")
]
MethodOption = Annotated[str, typer.Option("--method", metavar="METHODS", help="Methods, separated by commas.")]
Table1MethodOption = Annotated[
    str,
    typer.Option(
        "--method",
        metavar="METHODS",
        help="Methods; by default Table 1 and ablations.",
        show_default=False,
    ),
]
RetrainMethodOption = Annotated[str, typer.Option("--method", metavar="METHOD", help="How to continue training.")]
ProtocolOption = Annotated[
    str, typer.Option("--protocol", metavar="SPLITS", help="Splits of the target, separated by commas.")
]
SharedPeopleOption = Annotated[
    bool, typer.Option("--allow-shared-people", help="Accept people who are in source and target.")
]
ThresholdOption = Annotated[int, typer.Option("--threshold", metavar="N", min=1, help="Minimum number of new images.")]
PartImagesOption = Annotated[
    int, typer.Option("--part-images", metavar="N", min=1, help="Images that one task ingests.")
]
ModelOption = Annotated[str, typer.Option("--model", metavar="NAME", help="Name of the registered model.")]

# Settings.
PresetOption = Annotated[
    str | None, typer.Option("--preset", metavar="PRESET", callback=a_preset, help="Preset of settings.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="SETTING=VALUE", help="Change one setting; repeatable.")
]
StageSetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change one setting; repeatable.")
]
SweepOption = Annotated[
    list[str] | None,
    typer.Option("--sweep", metavar="SETTING=LIST", help="Train a translation per value; repeatable."),
]
SeedOption = Annotated[int | None, typer.Option("--seed", metavar="N", min=0, help="Seed of all random numbers.")]
SeedsOption = Annotated[
    list[int] | None, typer.Option("--seed", metavar="N", min=0, help="Seed of all random numbers; repeatable.")
]

# Where to read and write.
OutOption = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder for everything that is written.")]
DataRootOption = Annotated[
    str | None,
    typer.Option(
        "--data-root",
        metavar="STORAGE",
        envvar="SIMPGAN_DATA_ROOT",
        show_envvar=False,
        callback=a_place,
        help="Images and checkpoints; by default OUT/data.",
    ),
]
RecordedDataRootOption = Annotated[
    str | None,
    typer.Option(
        "--data-root",
        metavar="STORAGE",
        envvar="SIMPGAN_DATA_ROOT",
        show_envvar=False,
        callback=a_place,
        help="Images; by default where the run stored them.",
    ),
]
SharedDataRootOption = Annotated[
    str,
    typer.Option(
        "--data-root",
        metavar="STORAGE",
        envvar="SIMPGAN_DATA_ROOT",
        show_envvar=False,
        callback=a_place,
        help="Images and checkpoints, for all stages.",
    ),
]
RunnerOption = Annotated[Runner, typer.Option("--runner", metavar="RUNNER", help="How each stage runs.")]

# The cluster.
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile", metavar="PROFILE", callback=a_profile, rich_help_panel=CLUSTER, help="Resources of the pods."
    ),
]
RegistryOption = Annotated[
    str,
    typer.Option(
        "--registry", metavar="REGISTRY", callback=a_registry, rich_help_panel=CLUSTER, help="Registry of the images."
    ),
]
