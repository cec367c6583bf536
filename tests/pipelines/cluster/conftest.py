"""The server that these tests talk to, and a pipeline for it."""

import pytest

from simpgan.pipelines.cluster.client import Server
from tests.pipelines.cluster.compiling import compiled
from tests.pipelines.kubeflow_server import kubeflow
from tests.pipelines.words import words

__all__ = ["kubeflow"]


@pytest.fixture(scope="module")
def pipeline():
    return compiled(words)


@pytest.fixture
def server(kubeflow):
    return Server(kubeflow.address)
