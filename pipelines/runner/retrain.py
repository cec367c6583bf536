"""Run the pipeline `retrain` on this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simpgan.pipelines.config.defaults import Runner
from simpgan.pipelines.requests.request import CheckedRequest
from simpgan.pipelines.runner.runs import finished_run

if TYPE_CHECKING:
    from simpgan.components.core.registry.model_registry import RegisteredVersion
    from simpgan.components.drift.camera_drift import CameraDrift


@dataclass(frozen=True)
class Retrained:
    """The outcome of a run.

    Attributes:
        version: Version that was proposed, with the gate's verdict in its tags; None: there were too few new images.
        drift: Folder with drift.json and drift.html; None likewise.
    """

    version: "RegisteredVersion | None" = None
    drift: Path | None = None

    def cameras(self) -> "list[CameraDrift]":
        """Return the drift of each camera."""
        from simpgan.components.drift.camera_drift import read_drift

        return read_drift(self.drift / "drift.json") if self.drift else []


def run_retrain(
    request: CheckedRequest, out: Path, data_root: str, command: Sequence[str], runner: Runner
) -> Retrained:
    """Run `retrain`; arguments and errors as in `finished_run`."""
    with finished_run(request, out, data_root, command, runner) as (finished, _):
        from simpgan.components.core.registry.model_registry import CANDIDATE, CHAMPION, ModelRegistry

        if "evaluate" not in finished.stages:
            return Retrained()
        registry = ModelRegistry(request.arguments["model"])
        drift = Path(finished.outputs["drift"]["cameras"].path)
        return Retrained(registry.find(CANDIDATE) or registry.find(CHAMPION), drift)
