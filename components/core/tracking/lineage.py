"""Where a run comes from: its data sets, and its task with all that is needed to repeat it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from simpgan.components.core.process import provenance
from simpgan.components.core.process.task import Task

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

    from simpgan.components.core.data.manifest_tables import ManifestTables

INPUTS = "inputs.json"
"""The artifact of a stage's run that `simpgan rerun` reads."""

CONTEXT_TAG = "mlflow.data.context"
LONGEST_DIGEST = 36


@dataclass(frozen=True)
class RecordedDataSet:
    """A data set that a stage reads or makes, as MLflow lists it.

    Attributes:
        name: name in the results.
        digest: sha256 (hex) of the content of its manifest.
        counts: numbers of images, people and cameras.
        context: its use in the stage: train, eval, reference, translate, known, new, part or made.
        source: place of its manifest, a path or a location in an object store.
    """

    name: str
    digest: str
    counts: Mapping[str, int]
    context: str
    source: str

    @classmethod
    def of_manifest(cls, manifest: "ManifestTables", context: str, source: str) -> Self:
        """Describe the data set of a manifest; `context` and `source` as above."""
        found = manifest.contained
        counts = {"images": found.rows["images"], "people": found.people, "cameras": found.cameras}
        return cls(manifest.dataset, manifest.digest, counts, context, source)

    def to_input(self) -> "DatasetInput":
        """Convert to MLflow's entity, which holds 36 digits of the digest; its profile holds all."""
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


def inputs_document(task: Task, settings: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    """Return the content of `INPUTS` as JSON: the task, its resolved settings, the image and the code's commit.

    Args:
        task: the task of the stage.
        settings: resolved settings.
        digests: digest of each input artifact by name, in a list `name-0`, `name-1`; used where the artifact's
            metadata has none.
    """
    document = {
        **task.model_dump(),
        "artifacts": {
            name: [
                {**each.model_dump(), "digest": each.digest or input_digest(digests, name, position)}
                for position, each in enumerate(artifacts)
            ]
            for name, artifacts in task.artifacts.items()
        },
        "digests": dict(digests),
        "settings": dict(settings),
        "image": provenance.image(),
        "commit": provenance.commit(),
    }
    return json.dumps(document, indent=2, default=str) + "\n"


def input_digest(digests: Mapping[str, str], name: str, position: int) -> str:
    """Return the digest of an input artifact; an item of a list may be named in the singular: `counterpart-0`."""
    singular = f"{name.removesuffix('s')}-{position}"
    return digests.get(name) or digests.get(f"{name}-{position}") or digests.get(singular, "")
