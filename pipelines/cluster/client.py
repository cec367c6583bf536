"""A Kubeflow Pipelines server, through kfp's client, with errors in one line that says what to do."""

import contextlib
import io
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kfp.client
from kfp_server_api import (
    ApiException,
    OpenApiException,
    V2beta1GetHealthzResponse,
    V2beta1Pipeline,
    V2beta1RecurringRun,
    V2beta1Run,
)
from urllib3.exceptions import HTTPError

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cluster.compiled import Compiled

TOKEN = "SIMPGAN_KFP_TOKEN"
AUTHORITIES = "SSL_CERT_FILE"  # where OpenSSL looks for it
SECONDS = (10, 60)  # to connect, to answer
PAGE = 100
EQUALS = 1
NOT_KUBEFLOW = "answers, but not as Kubeflow Pipelines does: correct --host"

logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # It would print a line for every attempt.


@dataclass(frozen=True)
class Version:
    """A version of a pipeline on the server.

    Attributes:
        pipeline_id: id of the pipeline.
        version_id: id of the version.
        name: name of the version.
        new: True if it was uploaded just now.
    """

    pipeline_id: str
    version_id: str
    name: str
    new: bool


class Client(kfp.client.Client):
    """kfp's client, which asks for the server's health once: its own retries print tracebacks for half a minute."""

    def get_kfp_healthz(self, sleep_duration: int = 0) -> V2beta1GetHealthzResponse:
        """Return the server's health.

        Raises:
            UserError: another program answers, such as a login page or another service.
        """
        health, _, headers = self._healthz_api.healthz_service_get_healthz_with_http_info(_request_timeout=SECONDS)
        if "json" not in headers.get("Content-Type", ""):
            raise UserError(
                f"{self._existing_config.host} answers with a page, not as Kubeflow Pipelines: log in and give a token "
                f"by {TOKEN} or --token-file, or correct --host"
            )
        answer = json.loads(self._healthz_api.api_client.last_response.data)  # the model takes any text for a bool
        if not isinstance(answer, dict) or not isinstance(answer.get("multi_user"), bool):
            raise UserError(f"{self._existing_config.host} {NOT_KUBEFLOW}")
        return health


class Server:
    """Pipelines, runs and recurring runs on one server, in one namespace."""

    def __init__(self, host: str, token_file: Path | None = None, namespace: str | None = None) -> None:
        """Connect to the server.

        Args:
            host: `https://...` of the API.
            token_file: read again for every request, since a cluster replaces the tokens of service accounts; None: the
                token is in the environment variable SIMPGAN_KFP_TOKEN, or the server requires none.
            namespace: namespace of the user, on a server with several users.

        Raises:
            UserError: no such server, or it refuses the token.
        """
        self.host = checked_host(host)
        self.namespace = namespace
        self.has_token = bool(token_file or os.environ.get(TOKEN))
        with self.explained():
            self.client = Client(
                self.host,
                namespace=namespace or "kubeflow",
                credentials=token_of(token_file) if token_file else None,
                existing_token=None if token_file else os.environ.get(TOKEN, "").strip() or None,
                ssl_ca_cert=os.environ.get(AUTHORITIES),
            )
            several_users = self.client.get_kfp_healthz().multi_user
        if several_users and not namespace:
            raise UserError(f"{self.host} has several users: add --namespace with yours")

    def run_link(self, run_id: str) -> str:
        """Return the address of the page of a run."""
        return f"{os.environ.get('KF_PIPELINES_UI_ENDPOINT', self.host).rstrip('/')}/#/runs/details/{run_id}"

    def upload(self, compiled: Compiled) -> Version:
        """Return the version with the content of `compiled`; upload it if the server does not have it."""
        pipeline = self.pipeline_id(compiled.name)
        name = compiled.digest[:16]
        if found := self.version(pipeline, name):
            return found
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pipeline.yaml"
            path.write_text(compiled.as_yaml())
            try:
                with self.explained(expected=409):
                    version = self.client.upload_pipeline_version(str(path), name, pipeline_id=pipeline)
            except ApiException:  # somebody else uploaded it in this moment
                if found := self.version(pipeline, name):
                    return found
                raise UserError(f"{self.host} refuses version {name} of {compiled.name}: look at its log") from None
        return Version(pipeline, version.pipeline_version_id, name, new=True)

    def pipeline_id(self, name: str) -> str:
        """Return the id of the pipeline of that name; create it if there is none."""
        with self.explained():
            found = self.client.list_pipelines(filter=equal("display_name", name), namespace=self.namespace).pipelines
            if found:
                return found[0].pipeline_id
            new = V2beta1Pipeline(display_name=name, namespace=self.namespace)
            return self.client.pipelines.pipeline_service_create_pipeline(new).pipeline_id

    def version(self, pipeline_id: str, name: str) -> Version | None:
        """Return the version of that name; None if there is none."""
        with self.explained():
            found = self.client.list_pipeline_versions(
                pipeline_id, filter=equal("display_name", name)
            ).pipeline_versions
        return Version(pipeline_id, found[0].pipeline_version_id, name, new=False) if found else None

    def experiment_id(self, name: str) -> str:
        """Return the id of the experiment of that name; create it if there is none."""
        with self.explained():
            return self.client.create_experiment(name, namespace=self.namespace).experiment_id

    def start(self, version: Version, arguments: Mapping[str, Any], name: str, experiment: str) -> str:
        """Start a run. Return its id."""
        experiment_id = self.experiment_id(experiment)
        with self.explained():
            run = self.client.run_pipeline(
                experiment_id,
                name,
                params=dict(arguments),
                pipeline_id=version.pipeline_id,
                version_id=version.version_id,
            )
        return run.run_id

    def run(self, run_id: str) -> V2beta1Run:
        """Return the current state of a run.

        Raises:
            urllib3.exceptions.HTTPError, ApiException: the server is away or overloaded.
            UserError: any other refusal.
        """
        with self.explained(expected=range(500, 600), unreachable=False):
            return self.client.runs.run_service_get_run(run_id, _request_timeout=SECONDS)

    def pipeline_of(self, run: V2beta1Run) -> dict[str, Any]:
        """Return the PipelineSpec of a run, as JSON types.

        Raises:
            urllib3.exceptions.HTTPError, ApiException, UserError: as in `run`.
        """
        version = run.pipeline_version_reference
        with self.explained(expected=range(500, 600), unreachable=False):
            found = self.client.pipelines.pipeline_service_get_pipeline_version(
                version.pipeline_id, version.pipeline_version_id, _request_timeout=SECONDS
            )
        return found.pipeline_spec.get("pipeline_spec", found.pipeline_spec)

    def retry(self, run_id: str) -> None:
        """Run a failed run again from the tasks that failed.

        Raises:
            UserError: the server refuses.
        """
        with self.explained():
            self.client.runs.run_service_retry_run(run_id, _request_timeout=SECONDS)

    def terminate(self, run_id: str) -> bool:
        """End a run at once. Return False if the server cannot: the run has ended, or the cluster lost its workflow."""
        try:
            with self.explained(expected=(400, 404, 409, 500)):
                self.client.terminate_run(run_id)
        except ApiException:
            return False
        return True

    def recurring_runs(self) -> list[V2beta1RecurringRun]:
        """Return all recurring runs of the namespace, including those of other users."""
        found: list[V2beta1RecurringRun] = []
        token = ""
        while True:
            with self.explained():
                page = self.client.list_recurring_runs(token, PAGE, namespace=self.namespace)
            found += page.recurring_runs or []
            token = page.next_page_token
            if not token:
                return found

    def create_recurring_run(self, **values: Any) -> str:
        """Create a recurring run with the arguments of kfp's method of this name. Return its id."""
        with self.explained():
            return self.client.create_recurring_run(**values).recurring_run_id

    def disable_recurring_run(self, recurring_run_id: str) -> None:
        """Let a recurring run start no further runs; those that it has started continue."""
        with self.explained():
            self.client.disable_recurring_run(recurring_run_id)

    def delete_recurring_run(self, recurring_run_id: str) -> None:
        """Delete a recurring run and the workflows that it has started: the cluster ends those that still run."""
        with self.explained():
            self.client.delete_recurring_run(recurring_run_id)

    def runs_of(self, recurring_run_id: str) -> list[V2beta1Run]:
        """Return the runs that a recurring run has started."""
        found: list[V2beta1Run] = []
        token = ""
        while True:
            with self.explained():
                page = self.client.list_runs(
                    token, PAGE, namespace=self.namespace, filter=equal("recurring_run_id", recurring_run_id)
                )
            found += page.runs or []
            token = page.next_page_token
            if not token:
                return found

    @contextlib.contextmanager
    def explained(self, expected: int | Collection[int] = 0, unreachable: bool = True) -> Iterator[None]:
        """Keep kfp quiet in this block, and convert refusals of the server into a UserError that says what to do.

        Args:
            expected: HTTP status or statuses to raise unchanged.
            unreachable: whether to convert connection errors too.
        """
        known = [expected] if isinstance(expected, int) else expected
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield
            except ApiException as refusal:
                if refusal.status in known:
                    raise
                raise UserError(self.explain(refusal)) from None
            except OpenApiException:  # what came is none of the API's objects
                raise UserError(f"{self.host} {NOT_KUBEFLOW}") from None
            except HTTPError as error:
                if not unreachable:
                    raise
                raise UserError(self.explain_silence(error)) from None

    def explain_silence(self, error: HTTPError) -> str:
        """Explain in one line why there was no answer."""
        why = cause(error)
        hint = "check --host and the network"
        if "certificate" in why.lower():
            hint = f"set {AUTHORITIES} to a file with the certificates that it goes back to"
        return f"cannot reach Kubeflow Pipelines at {self.host} ({why}): {hint}"

    def explain(self, refusal: ApiException) -> str:
        """Explain a refusal of the server in one line."""
        said = message(refusal)
        if refusal.status == 401 and self.has_token:
            return f"{self.host} does not take the token, it may have expired: get a new one ({said})"
        if refusal.status == 401:
            return f"{self.host} asks for a token: set {TOKEN} or give --token-file ({said})"
        if refusal.status == 403:
            where = f" in namespace {self.namespace}" if self.namespace else ""
            return f"{self.host} does not let this account do that{where}: ask for the role, or get a token ({said})"
        if refusal.status == 404:
            return f"{self.host} has no such thing, or is no Kubeflow Pipelines server: check --host ({said})"
        if refusal.status in (302, 405):
            return f"{self.host} {NOT_KUBEFLOW} ({said})"
        return f"{self.host} answers {refusal.status}: {said}"


def checked_host(host: str) -> str:
    """Return the address without a slash at its end.

    Raises:
        UserError: it is no http(s) address.
    """
    try:
        parts = urlsplit(host)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise UserError(f"--host '{host}' is no address: write https://kubeflow.example.org or http://localhost:8888")
    return host.rstrip("/")


def token_of(file: Path) -> kfp.client.ServiceAccountTokenVolumeCredentials:
    """Return credentials that read the file for every request.

    Raises:
        UserError: there is no token in it.
    """
    try:
        if not file.read_text().strip():
            raise UserError(f"--token-file {file} is empty: write the token into it")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"--token-file {file}: {getattr(error, 'strerror', '') or error}: give a readable file"
        ) from None
    return kfp.client.ServiceAccountTokenVolumeCredentials(str(file))


def equal(key: str, value: str) -> str:
    """Return the filter for objects whose field `key` has that value."""
    return json.dumps({"predicates": [{"operation": EQUALS, "key": key, "stringValue": value}]})


def message(refusal: ApiException) -> str:
    """Return the reason that a server gave, on one line of bounded length."""
    try:
        answer = json.loads(refusal.body)
        said = answer.get("message") or answer.get("error_message") or answer.get("error_description") or refusal.reason
    except (TypeError, ValueError, AttributeError):
        said = refusal.reason
    return " ".join(str(said).split())[:300]


def cause(error: BaseException) -> str:
    """Return the cause of a network error in a few words."""
    reason = getattr(error, "reason", None) or error
    text = str(getattr(reason, "__cause__", None) or reason)
    return " ".join(text.rpartition(": ")[2].split())[:100]
