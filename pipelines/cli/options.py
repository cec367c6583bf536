"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from simpgan.pipelines.cli.locations import a_place, a_preset, a_profile, a_registry
from simpgan.pipelines.config.defaults import Runner

PresetOption = Annotated[
    str | None,
    typer.Option(
        "--preset",
        callback=a_preset,
        help="Preset (paper, modern, small, demo), or a YAML file. Without: the settings' defaults.",
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        callback=a_profile,
        help="What its pods ask of a cluster: cpu, one-gpu, eight-gpus, or a YAML file.",
    ),
]
RegistryOption = Annotated[
    str,
    typer.Option(
        "--registry",
        callback=a_registry,
        help="Where a cluster finds the images: ghcr.io/somebody/simpgan. Without: what SIMPGAN_REGISTRY or "
        "images/digests.json says.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="STAGE.SETTING=VALUE", help="Change one setting; may be given several times."),
]
SeedOption = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of every stage that has one.")]
SeedsOption = Annotated[list[int] | None, typer.Option("--seed", min=0, help="A seed; may be given several times.")]
SweepOption = Annotated[
    list[str] | None,
    typer.Option(
        "--sweep", metavar="train_gan.SETTING=VALUE,VALUE", help="Train every translation with each of the values."
    ),
]
DataRootOption = Annotated[
    str | None,
    typer.Option(
        "--data-root",
        envvar="SIMPGAN_DATA_ROOT",
        callback=a_place,
        help="Folder or s3:// prefix for images and checkpoints. Without: that of the run in --out, else 'data' in it.",
    ),
]
RecordedDataRootOption = Annotated[
    str | None,
    typer.Option(
        "--data-root",
        envvar="SIMPGAN_DATA_ROOT",
        callback=a_place,
        help="Folder or s3:// prefix for images. Without: that of the run whose folder the manifest is in.",
    ),
]
SharedDataRootOption = Annotated[
    str,
    typer.Option(
        "--data-root",
        envvar="SIMPGAN_DATA_ROOT",
        callback=a_place,
        help="Folder or s3:// prefix for images and checkpoints, the same for all stages.",
    ),
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for all that the command makes.")]
MethodOption = Annotated[
    str,
    typer.Option("--method", help="Methods, with commas: simpgan, simpgan-fit, cyclegan, gan, umdl, source-to-target."),
]
ProtocolOption = Annotated[
    str, typer.Option("--protocol", help="Protocols of the target with folds, with commas: folds10:0-9,all250.")
]
TargetDataOption = Annotated[
    str, typer.Option("--target", help="Data set to adapt to: grid:PATH or likewise. Its labels only measure.")
]
SourceNameOption = Annotated[
    str, typer.Option("--source-name", help="What results call the source; without, its layout's name.")
]
SourceNamesOption = Annotated[
    list[str] | None, typer.Option("--source-name", help="What results call the sources, in their order.")
]
TargetNameOption = Annotated[str, typer.Option("--target-name", help="What results call the target.")]
RunnerOption = Annotated[
    Runner, typer.Option("--runner", help="Run each stage as a process, or as a container of its image.")
]
SharedPeopleOption = Annotated[
    bool,
    typer.Option("--allow-shared-people", help="Also where source and target show the same people."),
]
ThresholdOption = Annotated[int, typer.Option("--threshold", min=1, help="New images that are worth a training.")]
PartImagesOption = Annotated[
    int, typer.Option("--part-images", min=1, help="Files of a part; parts are read side by side on a cluster.")
]
ModelOption = Annotated[str, typer.Option("--model", help="Name of the registered model.")]
RetrainMethodOption = Annotated[
    str,
    typer.Option("--method", help="simpgan, simpgan-fit, cyclegan or gan; or adabn, which trains nothing."),
]
