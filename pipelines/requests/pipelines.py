"""The pipelines that are requested by their options."""

from collections.abc import Mapping

from simpgan.pipelines.requests.adapt import AdaptRequest
from simpgan.pipelines.requests.request import PipelineRequest
from simpgan.pipelines.requests.retrain import RetrainRequest
from simpgan.pipelines.requests.table1 import Table1Request

PIPELINES: Mapping[str, type[PipelineRequest]] = {
    "adapt": AdaptRequest,
    "table1": Table1Request,
    "retrain": RetrainRequest,
}
