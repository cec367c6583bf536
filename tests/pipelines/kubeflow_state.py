"""What a server of Kubeflow Pipelines keeps and does, as far as `kfp.Client` needs it here.

It behaves like a real server of version 2.17 on Kubernetes with Argo 4.0.8: `test_kubeflow_server.py` states how, and
`recorded_answers.json` keeps what the real one was seen to answer. The tasks of a run are those of `Workflow`.
Uploaded pipelines must be a PipelineSpec.
"""

import json
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import kfp_server_api as api
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec, PlatformSpec

from tests.pipelines.kubeflow_models import received

ENDED = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")


class Refusal(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Kubeflow:
    """The server's state, which tests read and set.

    Attributes:
        token: what every request must carry; empty for none.
        forbidden: whether the token's account may do nothing.
        page: if not empty, the HTML that is answered to everything.
        failing: that many requests are answered with 503.
        race: a version is uploaded by somebody else just before one is.
        progress: states of the next run, one for each time it is asked for; the last one stays.
        owners: the recurring run of each workflow that a schedule started and that is still in the cluster, by the
            run's id.
        retried: ids of the runs that the server was asked to retry, in order.
        kept: tasks that a retried run need not repeat, by its id.
        tokens: those that requests carried.
        mistakes: what came in or went out and does not conform to the API.
    """

    server: ThreadingHTTPServer
    token: str = ""
    forbidden: bool = False
    page: str = ""
    failing: int = 0
    race: bool = False
    several_users: bool = False
    page_size: int = 2
    progress: list[dict[str, Any]] = field(default_factory=lambda: [{"state": "SUCCEEDED"}])
    experiments: dict[str, api.V2beta1Experiment] = field(default_factory=dict)
    pipelines: dict[str, api.V2beta1Pipeline] = field(default_factory=dict)
    versions: dict[str, api.V2beta1PipelineVersion] = field(default_factory=dict)
    runs: dict[str, api.V2beta1Run] = field(default_factory=dict)
    recurring_runs: dict[str, api.V2beta1RecurringRun] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    retried: list[str] = field(default_factory=list)
    kept: dict[str, list[api.V2beta1PipelineTaskDetail]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)

    def spec(self, reference: api.V2beta1PipelineVersionReference) -> dict[str, Any]:
        """The pipeline that a run or recurring run refers to."""
        version = self.versions[reference.pipeline_version_id]
        assert version.pipeline_id == reference.pipeline_id
        return version.pipeline_spec.get("pipeline_spec", version.pipeline_spec)

    @property
    def address(self) -> str:
        """Where the server is."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def encrypt(self, certificate: Path) -> str:
        """Speak TLS from now on, with the certificate and key of a file. Returns the address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        return self.address.replace("http", "https")

    # What happens in the cluster.

    def fire(self, recurring_run_id: str) -> str:
        """Start the run of a recurring run whose time has come. Return the run's id."""
        recurring = self.recurring_runs[recurring_run_id]
        assert recurring.mode != "DISABLE", "a recurring run that is disabled starts nothing"
        run = api.V2beta1Run(
            run_id=str(uuid4()),
            recurring_run_id=recurring_run_id,
            experiment_id=recurring.experiment_id,
            display_name=f"{recurring.display_name}-{len(self.runs)}",
            pipeline_version_reference=recurring.pipeline_version_reference,
            runtime_config=recurring.runtime_config,
            state="RUNNING",
            created_at=datetime(2026, 3, 2, 3, 0, tzinfo=UTC),
        )
        self.runs[run.run_id] = run
        self.owners[run.run_id] = recurring_run_id
        return run.run_id

    def end(self, run_id: str, state: str = "SUCCEEDED") -> None:
        """End a run that a schedule started. One whose workflow was deleted can no longer end."""
        assert run_id in self.owners, "the workflow of this run was deleted"
        self.runs[run_id].state = state

    # What the server does; `query` has the first value of each parameter.

    def health(self, query: dict[str, str], body: Any) -> Any:
        return api.V2beta1GetHealthzResponse(multi_user=self.several_users)

    def create_experiment(self, query: dict[str, str], body: Any) -> Any:
        experiment = received(body, api.V2beta1Experiment)
        experiment.experiment_id = str(uuid4())
        self.experiments[experiment.experiment_id] = experiment
        return experiment

    def list_experiments(self, query: dict[str, str], body: Any) -> Any:
        found, token = self.paged(self.experiments, query)
        return api.V2beta1ListExperimentsResponse(experiments=found, next_page_token=token)

    def create_pipeline(self, query: dict[str, str], body: Any) -> Any:
        pipeline = received(body, api.V2beta1Pipeline)
        if any(each.display_name == pipeline.display_name for each in self.pipelines.values()):
            raise Refusal(409, "there is a pipeline of this name")
        pipeline.pipeline_id = str(uuid4())
        self.pipelines[pipeline.pipeline_id] = pipeline
        return pipeline

    def list_pipelines(self, query: dict[str, str], body: Any) -> Any:
        found, token = self.paged(self.pipelines, query)
        return api.V2beta1ListPipelinesResponse(pipelines=found, next_page_token=token)

    def list_versions(self, query: dict[str, str], body: Any, pipeline_id: str) -> Any:
        of_pipeline = {name: each for name, each in self.versions.items() if each.pipeline_id == pipeline_id}
        found, token = self.paged(of_pipeline, query)
        return api.V2beta1ListPipelineVersionsResponse(pipeline_versions=found, next_page_token=token)

    def get_version(self, query: dict[str, str], body: Any, pipeline_id: str, version_id: str) -> Any:
        if version_id not in self.versions:
            raise Refusal(404, "no such version")
        return self.versions[version_id]

    def upload_version(self, query: dict[str, str], body: Any) -> Any:
        documents = list(yaml.safe_load_all(body))
        json_format.ParseDict(documents[0], PipelineSpec())
        for platform in documents[1:]:
            json_format.ParseDict(platform, PlatformSpec())
        spec = documents[0]
        if len(documents) == 2:
            spec = {"pipeline_spec": documents[0], "platform_spec": documents[1]}
        if query["pipelineid"] not in self.pipelines:
            raise Refusal(404, "no such pipeline")
        version = api.V2beta1PipelineVersion(
            pipeline_id=query["pipelineid"],
            pipeline_version_id=str(uuid4()),
            display_name=query["name"],
            pipeline_spec=spec,
        )
        taken = any(
            each.display_name == version.display_name and each.pipeline_id == version.pipeline_id
            for each in self.versions.values()
        )
        if not taken:
            self.versions[version.pipeline_version_id] = version
        if taken or self.race:
            raise Refusal(409, "there is a version of this name")
        return version

    def create_run(self, query: dict[str, str], body: Any) -> Any:
        run = received(body, api.V2beta1Run)
        self.check(run)
        run.run_id = str(uuid4())
        self.runs[run.run_id] = run
        return run

    def list_runs(self, query: dict[str, str], body: Any) -> Any:
        found, token = self.paged(self.runs, query)
        return api.V2beta1ListRunsResponse(runs=found, next_page_token=token)

    def get_run(self, query: dict[str, str], body: Any, run_id: str) -> Any:
        if run_id not in self.runs:
            raise Refusal(404, "no such run")
        if self.runs[run_id].recurring_run_id:
            return self.runs[run_id]
        now = self.progress.pop(0) if len(self.progress) > 1 else self.progress[0]
        run = self.runs[run_id]
        run.state = now["state"]
        tasks = now.get("tasks") or []
        listed = {task.task_id for task in tasks}
        kept = [task for task in self.kept.get(run_id, []) if task.task_id not in listed]
        run.run_details = api.V2beta1RunDetails(task_details=[*kept, *tasks] or None)
        return run

    def retry_run(self, query: dict[str, str], body: Any, run_id: str) -> Any:
        """Start a failed run again and keep the tasks that succeeded; the next of `progress` tells how it goes on."""
        if run_id not in self.runs:
            raise Refusal(404, "no such run")
        run = self.runs[run_id]
        if run.state not in ("FAILED", "CANCELED"):
            raise Refusal(400, "Workflow must be Failed/Error to retry")
        tasks = (run.run_details.task_details if run.run_details else None) or []
        self.kept[run_id] = [task for task in tasks if task.state in ("SUCCEEDED", "SKIPPED")]
        run.state = "RUNNING"
        self.retried.append(run_id)
        return {}

    def terminate_run(self, query: dict[str, str], body: Any, run_id: str) -> Any:
        """End a run; where its workflow is gone, the state still changes, but the server cannot end it."""
        if run_id not in self.runs:
            raise Refusal(404, "no such run")
        run = self.runs[run_id]
        if run.state in ENDED:
            raise Refusal(400, "the run has ended")
        run.state = "CANCELING"
        if run.recurring_run_id and run_id not in self.owners:
            raise Refusal(500, "Failed to terminate run: workflow not found")
        if run.recurring_run_id:
            run.state = "CANCELED"
        return {}

    def create_recurring_run(self, query: dict[str, str], body: Any) -> Any:
        recurring = received(body, api.V2beta1RecurringRun)
        self.check(recurring)
        if not 1 <= int(recurring.max_concurrency) <= 10:
            raise Refusal(400, "max_concurrency is from 1 to 10")
        recurring.recurring_run_id = str(uuid4())
        recurring.max_concurrency = str(recurring.max_concurrency)
        recurring.created_at = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
        self.recurring_runs[recurring.recurring_run_id] = recurring
        return recurring

    def list_recurring_runs(self, query: dict[str, str], body: Any) -> Any:
        found, token = self.paged(self.recurring_runs, query)
        return api.V2beta1ListRecurringRunsResponse(recurring_runs=found, next_page_token=token)

    def delete_recurring_run(self, query: dict[str, str], body: Any, recurring_run_id: str) -> Any:
        if self.recurring_runs.pop(recurring_run_id, None) is None:
            raise Refusal(404, "no such recurring run")
        # The workflows belong to it, running ones too; their runs keep the last state that the server heard of.
        self.owners = {run: owner for run, owner in self.owners.items() if owner != recurring_run_id}
        return {}

    def get_recurring_run(self, query: dict[str, str], body: Any, recurring_run_id: str) -> Any:
        if recurring_run_id not in self.recurring_runs:
            raise Refusal(404, "no such recurring run")
        return self.recurring_runs[recurring_run_id]

    def disable_recurring_run(self, query: dict[str, str], body: Any, recurring_run_id: str) -> Any:
        """Start no further runs; those that run go on."""
        self.get_recurring_run(query, body, recurring_run_id).mode = "DISABLE"
        return {}

    def enable_recurring_run(self, query: dict[str, str], body: Any, recurring_run_id: str) -> Any:
        self.get_recurring_run(query, body, recurring_run_id).mode = "ENABLE"
        return {}

    def check(self, run: Any) -> None:
        """Refuse what refers to nothing; what the pipeline's parameters are not would fail in its tasks."""
        if run.experiment_id not in self.experiments:
            raise Refusal(404, "no such experiment")
        parameters = self.spec(run.pipeline_version_reference)["root"]["inputDefinitions"]["parameters"]
        assert set(run.runtime_config.parameters) == set(parameters)

    def paged(self, objects: dict[str, Any], query: dict[str, str]) -> tuple[list[Any] | None, str | None]:
        """The objects that pass the filter, a page at a time, and the token of the next page."""
        predicates = json.loads(query["filter"])["predicates"] if query.get("filter") else []
        found = list(objects.values())
        for predicate in predicates:
            assert predicate.keys() == {"operation", "key", "stringValue"}
            assert predicate["operation"] == 1
            found = [each for each in found if getattr(each, predicate["key"]) == predicate["stringValue"]]
        if query.get("experiment_id"):
            found = [each for each in found if each.experiment_id == query["experiment_id"]]
        first = int(query.get("page_token") or 0)
        last = first + min(self.page_size, int(query.get("page_size") or self.page_size))
        return found[first:last] or None, str(last) if last < len(found) else None
