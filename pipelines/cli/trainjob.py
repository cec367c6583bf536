"""The command for a training on several machines."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.locations import a_folder, a_profile
from simpgan.pipelines.cli.options import RegistryOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("trainjob")(trainjob)


def trainjob(
    stage: Annotated[str, typer.Argument(help="The stage: pretrain or train-gan.")],
    arguments: Annotated[list[str], typer.Argument(help="After --: the options of the stage's own command.")],
    claim: Annotated[str, typer.Option(help="PersistentVolumeClaim with the stage's folders, for all nodes.")],
    nodes: Annotated[int, typer.Option(min=1, help="Machines that train together.")] = 2,
    profile: Annotated[
        str, typer.Option(callback=a_profile, help="Profile, each node's share of which is the stage's.")
    ] = "eight-gpus",
    mount: Annotated[
        str, typer.Option(callback=a_folder, help="Folder where the claim's volume is, in every node.")
    ] = "/shared",
    name: Annotated[str, typer.Option(help="Name of the TrainJob; without, that of the stage.")] = "",
    registry: RegistryOption = "",
    out: Annotated[Path | None, typer.Option(help="YAML file to write; without, it is printed.")] = None,
) -> None:
    """Write the TrainJob that trains on several machines, for Kubeflow Trainer v2: kubectl create -f FILE."""
    from simpgan.components.core.images import Images
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
        images=Images.locked(registry),
    )
    text = yaml.safe_dump(manifest, sort_keys=False)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)
    typer.echo(f"{out} written" if out else text)
