"""The servers that these tests talk to."""

from tests.components.core.object_store import object_store
from tests.pipelines.kubeflow_server import kubeflow

__all__ = ["kubeflow", "object_store"]
