"""What a run says of where it comes from: data sets, and the task with all that is needed to do it again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simpgan.components.core.process import provenance
from simpgan.components.core.process.task import Task, current_task

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

INPUTS = "inputs.json"
"""The artifact of a stage's run that `simpgan rerun` reads."""

CONTEXT_TAG = "mlflow.data.context"
LONGEST_DIGEST = 36


@dataclass(frozen=True)
class DataSet:
    """A data set that a stage reads or makes, as MLflow lists it.

    Attributes:
        name: what results call it.
        digest: of all that its manifest says, sha256 in hex.
        counts: how many images, people and cameras it has.
        context: what the stage does with it: train, eval, reference, translate, known, new, part or made.
        source: where its manifest is, a path or a location in an object store.
    """

    name: str
    digest: str
    counts: Mapping[str, int]
    context: str
    source: str

    def to_input(self) -> "DatasetInput":
        """As MLflow's entity. MLflow has room for the first 36 digits of the digest; the profile has all."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        profile = {"num_rows": self.counts["images"], **self.counts, "digest": self.digest}
        dataset = Dataset(
            name=self.name,
            digest=self.digest[:LONGEST_DIGEST],
            source_type="s3" if self.source.startswith("s3://") else "local",
            source=json.dumps({"uri": self.source}),
            profile=json.dumps(profile),
        )
        return DatasetInput(dataset, [InputTag(CONTEXT_TAG, self.context)])


def inputs_document(stage: str, settings: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    """What `INPUTS` holds, as JSON: the task, its resolved settings, the image and the commit of the code.

    Args:
        digests: of input artifacts by name, where a list has `name-0`, `name-1`; known better than by metadata.
    """
    task = current_task() or Task(component=stage)
    document = {
        **task.model_dump(),
        "artifacts": {
            name: [
                {**each.model_dump(), "digest": each.digest or digest_of(digests, name, place)}
                for place, each in enumerate(artifacts)
            ]
            for name, artifacts in task.artifacts.items()
        },
        "digests": dict(digests),
        "settings": dict(settings),
        "image": provenance.image(),
        "commit": provenance.commit(),
    }
    return json.dumps(document, indent=2, default=str) + "\n"


def digest_of(digests: Mapping[str, str], name: str, place: int) -> str:
    """The digest of an input artifact; an item of a list is named in the singular, as in `counterpart-0`."""
    return digests.get(name) or digests.get(f"{name}-{place}") or digests.get(f"{name.removesuffix('s')}-{place}", "")
