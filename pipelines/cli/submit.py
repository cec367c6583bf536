"""The commands that send a pipeline to a Kubeflow Pipelines server."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.locations import Commands, a_place, a_profile
from simpgan.pipelines.cli.options import (
    MethodOption,
    ModelOption,
    PartImagesOption,
    PresetOption,
    ProtocolOption,
    RegistryOption,
    RetrainMethodOption,
    SeedOption,
    SeedsOption,
    SetOption,
    SharedPeopleOption,
    SourceNameOption,
    SourceNamesOption,
    SweepOption,
    TargetNameOption,
    ThresholdOption,
)
from simpgan.pipelines.config.defaults import MODEL, PART_IMAGES, RETRAIN_METHOD, TABLE1_METHODS, THRESHOLD

if TYPE_CHECKING:
    from simpgan.pipelines.requests.submitted import Request

HostOption = Annotated[
    str, typer.Option("--host", envvar="KF_PIPELINES_ENDPOINT", help="Address of the Kubeflow Pipelines API.")
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="KF_PIPELINES_SA_TOKEN_PATH",
        help="File with a token, such as that of a service account. Without: SIMPGAN_KFP_TOKEN, or no token.",
    ),
]
NamespaceOption = Annotated[
    str | None, typer.Option("--namespace", help="Yours, on a server of several users. Without: a server of one.")
]
ClusterSourceHelp = "Labelled data set: market1501:s3://BUCKET/PREFIX, or a full path that the cluster has."
ClusterTargetOption = Annotated[
    str,
    typer.Option("--target", help="Data set to adapt to: grid:s3://BUCKET/PREFIX, or a full path the cluster has."),
]
ClusterDataRootOption = Annotated[
    str,
    typer.Option(
        "--data-root",
        envvar="SIMPGAN_DATA_ROOT",
        callback=a_place,
        help="s3:// prefix for images and checkpoints, or a full path that all pods have. Without: the profile's.",
    ),
]
ClusterProfileOption = Annotated[
    str,
    typer.Option(
        "--profile", callback=a_profile, help="What pods ask of the cluster: cpu, one-gpu, eight-gpus, or a YAML file."
    ),
]
ExperimentOption = Annotated[str, typer.Option("--experiment", help="Experiment of the server to file the run under.")]
NameOption = Annotated[str, typer.Option("--name", help="Name of the run. Without: what it does, and the time.")]
NoCacheOption = Annotated[bool, typer.Option("--no-cache", help="Run every task, also those in loops, again.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Follow the run to its end; exit with 1 if it fails.")]
EXPERIMENT = "simpgan"
PROFILE = "one-gpu"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    submit = Commands(help="Run a pipeline on a Kubeflow Pipelines server.", no_args_is_help=True)
    submit.command("adapt")(submit_adapt)
    submit.command("table1")(submit_table1)
    submit.command("retrain")(submit_retrain)
    submit.command("file")(submit_file)
    app.add_typer(submit, name="submit")


def submit_adapt(
    host: HostOption,
    source: Annotated[str, typer.Option(help=ClusterSourceHelp)],
    target: ClusterTargetOption,
    data_root: ClusterDataRootOption = "",
    source_name: SourceNameOption = "",
    target_name: TargetNameOption = "",
    method: MethodOption = "",
    protocol: ProtocolOption = "",
    sweep: SweepOption = None,
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedOption = None,
    allow_shared_people: SharedPeopleOption = False,
    profile: ClusterProfileOption = PROFILE,
    registry: RegistryOption = "",
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    experiment: ExperimentOption = EXPERIMENT,
    name: NameOption = "",
    no_cache: NoCacheOption = False,
    wait: WaitOption = False,
) -> None:
    """Adapt from one source to one target on a cluster; the options are those of simpgan run adapt."""
    from simpgan.pipelines.requests.submitted import AdaptOptions

    options = AdaptOptions.parse(
        {
            "source": source,
            "source_name": source_name,
            "target": target,
            "target_name": target_name,
            "method": method,
            "protocol": protocol,
            "sweep": sweep or [],
            "preset": preset,
            "set": assignments or [],
            "seed": seed,
            "data_root": data_root,
            "allow_shared_people": allow_shared_people,
            "profile": profile,
            "registry": registry,
        }
    )
    send(options.request(), host, token_file, namespace, experiment, name, no_cache, wait)


def submit_table1(
    host: HostOption,
    source: Annotated[list[str], typer.Option(help=f"{ClusterSourceHelp} May be given several times.")],
    target: ClusterTargetOption,
    data_root: ClusterDataRootOption = "",
    source_name: SourceNamesOption = None,
    target_name: TargetNameOption = "",
    method: MethodOption = TABLE1_METHODS,
    protocol: ProtocolOption = "",
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedsOption = None,
    allow_shared_people: SharedPeopleOption = False,
    profile: ClusterProfileOption = PROFILE,
    registry: RegistryOption = "",
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    experiment: ExperimentOption = EXPERIMENT,
    name: NameOption = "",
    no_cache: NoCacheOption = False,
    wait: WaitOption = False,
) -> None:
    """Every method for several sources and seeds on a cluster; the options are those of simpgan run table1."""
    from simpgan.pipelines.requests.submitted import Table1Options

    options = Table1Options.parse(
        {
            "source": source,
            "source_name": source_name or [],
            "target": target,
            "target_name": target_name,
            "method": method,
            "protocol": protocol,
            "preset": preset,
            "set": assignments or [],
            "seed": seed or [],
            "data_root": data_root,
            "allow_shared_people": allow_shared_people,
            "profile": profile,
            "registry": registry,
        }
    )
    send(options.request(), host, token_file, namespace, experiment, name, no_cache, wait)


def submit_retrain(
    location: Annotated[
        str,
        typer.Argument(
            callback=a_place, help="s3:// prefix of camera images, a folder a camera; or a full path the cluster has."
        ),
    ],
    host: HostOption,
    data_root: ClusterDataRootOption = "",
    model: ModelOption = MODEL,
    method: RetrainMethodOption = RETRAIN_METHOD,
    threshold: ThresholdOption = THRESHOLD,
    part_images: PartImagesOption = PART_IMAGES,
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedOption = None,
    profile: ClusterProfileOption = PROFILE,
    registry: RegistryOption = "",
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    experiment: ExperimentOption = EXPERIMENT,
    name: NameOption = "",
    no_cache: NoCacheOption = False,
    wait: WaitOption = False,
) -> None:
    """Go on from the champion on a cluster; the options are those of simpgan run retrain."""
    from simpgan.pipelines.requests.submitted import RetrainOptions

    options = RetrainOptions.parse(
        {
            "location": location,
            "model": model,
            "method": method,
            "threshold": threshold,
            "part_images": part_images,
            "preset": preset,
            "set": assignments or [],
            "seed": seed,
            "data_root": data_root,
            "profile": profile,
            "registry": registry,
        }
    )
    send(options.request(), host, token_file, namespace, experiment, name, no_cache, wait)


def submit_file(
    file: Annotated[Path, typer.Argument(help="A pipeline that simpgan compile has written.")],
    host: HostOption,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="NAME=VALUE", help="A parameter of the pipeline; its value is YAML."),
    ] = None,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    experiment: ExperimentOption = EXPERIMENT,
    name: NameOption = "",
    no_cache: NoCacheOption = False,
    wait: WaitOption = False,
) -> None:
    """Run a compiled pipeline on a cluster, with its own parameters."""
    from simpgan.pipelines.requests.submitted import file_request

    request = file_request(file, parse_parameters(parameters or []))
    send(request, host, token_file, namespace, experiment, name, no_cache, wait)


def parse_parameters(texts: Sequence[str]) -> dict[str, Any]:
    """`name=value` texts as names and values.

    Raises:
        UserError: one is no assignment, or its value is not YAML.
    """
    import yaml

    parameters = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UserError(f"--parameter '{text}' is no assignment: write --parameter data_root=s3://bucket/data")
        try:
            parameters[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UserError(f"--parameter '{text}': the value is not valid YAML: quote it") from None
    return parameters


def send(
    request: "Request",
    host: str,
    token_file: Path | None,
    namespace: str | None,
    experiment: str,
    name: str,
    no_cache: bool,
    wait: bool,
) -> None:
    """Upload the pipeline if need be, start the run, say where it is, and follow it if asked to."""
    from simpgan.components.core.tracking import open_pipeline
    from simpgan.pipelines.cluster.client import Server
    from simpgan.pipelines.cluster.follow import follow
    from simpgan.pipelines.cluster.mlflow_link import mlflow_link
    from simpgan.pipelines.requests.submitted import as_read

    for note in request.notes:
        typer.echo(note, err=True)
    server = Server(host, token_file, namespace)
    compiled = request.compiled.without_cache() if no_cache else request.compiled
    version = server.upload(compiled)
    name = name or f"{request.title}, {datetime.now():%Y-%m-%d %H:%M:%S}"
    run_id = server.start(version, request.arguments, name, experiment)
    typer.echo(f"Pipeline: {compiled.name}, version {version.name} ({'uploaded' if version.new else 'already there'})")
    typer.echo(f"Run:      {name}\n          {server.run_link(run_id)}")
    open_pipeline(run_id, name, request.tags, as_read(request.arguments))
    tracking = os.environ.get("MLFLOW_TRACKING_URI", "")
    if tracking.startswith("http"):
        typer.echo(f"MLflow:   {mlflow_link(tracking, run_id)}")
    if wait:
        follow(server, run_id)
        typer.echo("The run has succeeded.")
