"""The commands that submit a pipeline to a Kubeflow Pipelines server."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.commands import with_options_of
from simpgan.pipelines.cli.locations import a_place, a_profile
from simpgan.pipelines.cli.options import CLUSTER, RegistryOption
from simpgan.pipelines.cli.requests import adapt_request, retrain_request, table1_request
from simpgan.pipelines.config.defaults import PROFILE

if TYPE_CHECKING:
    from simpgan.pipelines.cluster.submission import Submission
    from simpgan.pipelines.requests.request import PipelineRequest

HostOption = Annotated[
    str,
    typer.Option(
        "--host",
        metavar="URL",
        envvar="KF_PIPELINES_ENDPOINT",
        show_envvar=False,
        rich_help_panel=CLUSTER,
        help="Kubeflow Pipelines API (KF_PIPELINES_ENDPOINT).",
    ),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        envvar="KF_PIPELINES_SA_TOKEN_PATH",
        show_envvar=False,
        rich_help_panel=CLUSTER,
        help="Access token; by default SIMPGAN_KFP_TOKEN, or none.",
    ),
]
NamespaceOption = Annotated[
    str | None,
    typer.Option(
        "--namespace", metavar="NAME", rich_help_panel=CLUSTER, help="Your namespace, on a multi-user server."
    ),
]
ClusterDataRootOption = Annotated[
    str,
    typer.Option(
        "--data-root",
        metavar="STORAGE",
        envvar="SIMPGAN_DATA_ROOT",
        show_envvar=False,
        callback=a_place,
        help="Images and checkpoints; by default the profile's.",
    ),
]
ClusterProfileOption = Annotated[
    str,
    typer.Option(
        "--profile", metavar="PROFILE", callback=a_profile, rich_help_panel=CLUSTER, help="Resources of the pods."
    ),
]
ExperimentOption = Annotated[
    str, typer.Option("--experiment", metavar="NAME", rich_help_panel=CLUSTER, help="Kubeflow experiment of the run.")
]
NameOption = Annotated[
    str,
    typer.Option("--name", metavar="NAME", rich_help_panel=CLUSTER, help="Name of the run; by default what it does."),
]
NoCacheOption = Annotated[
    bool, typer.Option("--no-cache", rich_help_panel=CLUSTER, help="Run every task again, also in loops.")
]
WaitOption = Annotated[
    bool,
    typer.Option("--wait", rich_help_panel=CLUSTER, help="Follow and retry the run; exit with 1 if it fails."),
]
EXPERIMENT = "simpgan"
AS_RUN = "The options are those of simpgan run {}. Paths are s3:// prefixes, or full paths that all pods have."


def submit(
    request: "PipelineRequest",
    host: HostOption,
    data_root: ClusterDataRootOption = "",
    profile: ClusterProfileOption = PROFILE,
    registry: RegistryOption = "",
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    experiment: ExperimentOption = EXPERIMENT,
    name: NameOption = "",
    no_cache: NoCacheOption = False,
    wait: WaitOption = False,
) -> None:
    """Run a pipeline on a cluster."""
    from simpgan.pipelines.cluster.submission import ClusterOptions, submission

    options = ClusterOptions(data_root=data_root, profile=profile, registry=registry)
    send(submission(request, options), host, token_file, namespace, experiment, name, no_cache, wait)


submit_adapt = with_options_of(
    adapt_request, f"Adapt from one source to one target on a cluster.\n\n{AS_RUN.format('adapt')}"
)(submit)
submit_table1 = with_options_of(
    table1_request, f"Run every method for several sources and seeds on a cluster.\n\n{AS_RUN.format('table1')}"
)(submit)
submit_retrain = with_options_of(
    retrain_request, f"Continue training from the champion on a cluster.\n\n{AS_RUN.format('retrain')}"
)(submit)


def submit_file(
    file: Annotated[Path, typer.Argument(help="Pipeline that simpgan compile wrote.")],
    host: HostOption,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="KEY=VALUE", help="Parameter of the pipeline, as YAML; repeatable."),
    ] = None,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    experiment: ExperimentOption = EXPERIMENT,
    name: NameOption = "",
    no_cache: NoCacheOption = False,
    wait: WaitOption = False,
) -> None:
    """Run a compiled pipeline on a cluster with its own parameters."""
    from simpgan.pipelines.cluster.submission import file_submission

    submitted = file_submission(file, parse_parameters(parameters or []))
    send(submitted, host, token_file, namespace, experiment, name, no_cache, wait)


def parse_parameters(texts: Sequence[str]) -> dict[str, Any]:
    """Parse `name=value` texts, whose values are YAML.

    Raises:
        UserError: A text is not an assignment, or its value is not YAML.
    """
    import yaml

    parameters = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UserError(f"--parameter '{text}' is not an assignment: write --parameter data_root=s3://bucket/data")
        try:
            parameters[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UserError(f"--parameter '{text}': the value is not valid YAML: quote it") from None
    return parameters


def send(
    submission: "Submission",
    host: str,
    token_file: Path | None,
    namespace: str | None,
    experiment: str,
    name: str,
    no_cache: bool,
    wait: bool,
) -> None:
    """Upload the pipeline unless the server has it, start the run, print its links, and follow it if `wait`."""
    from simpgan.components.core.tracking import open_pipeline
    from simpgan.components.core.tracking.tags import with_time
    from simpgan.pipelines.cluster.client import Server
    from simpgan.pipelines.cluster.mlflow_link import mlflow_link
    from simpgan.pipelines.cluster.retrying import follow_with_retries
    from simpgan.pipelines.cluster.submission import as_read

    for note in submission.notes:
        typer.echo(note, err=True)
    server = Server(host, token_file, namespace)
    compiled = submission.compiled.without_cache() if no_cache else submission.compiled
    version = server.upload(compiled)
    name = name or with_time(submission.title)
    run_id = server.start(version, submission.arguments, name, experiment)
    typer.echo(f"Pipeline: {compiled.name}, version {version.name} ({'uploaded' if version.new else 'already there'})")
    typer.echo(f"Run:      {name}\n          {server.run_link(run_id)}")
    run = open_pipeline(run_id, name, submission.tags, as_read(submission.arguments))
    tracking = os.environ.get("MLFLOW_TRACKING_URI", "")
    if tracking.startswith("http"):
        typer.echo(f"MLflow:   {mlflow_link(tracking, run)}")
    if wait:
        follow_with_retries(server, run_id, compiled.retries)
        typer.echo("The run has succeeded.")
