"""The server that these tests talk to."""

from tests.pipelines.kubeflow_server import kubeflow

__all__ = ["kubeflow"]
