"""The command that writes a training on several machines as a TrainJob."""

from pathlib import Path
from typing import Annotated

import typer

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.locations import a_folder, a_profile
from simpgan.pipelines.cli.options import RegistryOption


def trainjob(
    stage: Annotated[str, typer.Argument(help="Stage to train: pretrain or train-gan.")],
    arguments: Annotated[list[str], typer.Argument(help="After --: options of simpgan STAGE.")],
    claim: Annotated[str, typer.Option(metavar="NAME", help="PersistentVolumeClaim that all nodes mount.")],
    nodes: Annotated[int, typer.Option(metavar="N", min=1, help="Number of machines.")] = 2,
    profile: Annotated[
        str,
        typer.Option(metavar="PROFILE", callback=a_profile, help="Resources of each node."),
    ] = "eight-gpus",
    mount: Annotated[
        str, typer.Option(metavar="FOLDER", callback=a_folder, help="Where nodes mount the claim.")
    ] = "/shared",
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the TrainJob; by default simpgan-STAGE.")] = "",
    registry: RegistryOption = "",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="YAML file to write; by default stdout.")] = None,
) -> None:
    """Write a Kubeflow TrainJob that trains on several machines.

    Each node gets the resources that the profile gives to the stage's pod. Start the job with kubectl create -f FILE;
    the cluster needs Kubeflow Trainer v2.
    """
    import yaml

    from simpgan.components.core.images import StageImages
    from simpgan.pipelines.cluster.trainjob import train_job
    from simpgan.pipelines.config.profiles import read_profile

    if out and out.suffix not in (".yaml", ".yml"):
        raise UserError(f"--out {out}: the file is YAML: end its name with .yaml")
    manifest = train_job(
        stage.replace("-", "_"),
        arguments,
        name=name or f"simpgan-{stage.replace('_', '-')}",
        nodes=nodes,
        claim=claim,
        mount=mount,
        profile=read_profile(profile),
        images=StageImages.locked(registry),
    )
    text = yaml.safe_dump(manifest, sort_keys=False)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)
    typer.echo(f"{out} written" if out else text)
