"""The places of a request: data sets, images and weights."""

import dataclasses
from pathlib import Path

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.pipelines.config.presets import RunSettings
from simpgan.pipelines.requests.data_sets import DataSet


@dataclasses.dataclass(frozen=True)
class Places:
    """Checks the places of a request as a run on this machine reads them.

    Attributes:
        scheduled: Whether the pipeline runs later, on what its places hold then.
    """

    scheduled: bool = False

    def data_set(self, text: str, option: str, name: str = "") -> DataSet:
        """Return the data set that `text` names; arguments and errors as in `DataSet.parse`."""
        return DataSet.parse(text, option, name)

    def images(self, location: str) -> str:
        """Return the location of camera images; a folder as its full path.

        Raises:
            UserError: There is no such folder.
        """
        if location.startswith(storage.S3):
            return location
        folder = Path(location).expanduser().resolve()
        if not folder.is_dir():
            raise UserError(f"LOCATION: there is no folder '{location}': give one with a subfolder per camera")
        return str(folder)

    def with_weights(self, settings: RunSettings) -> RunSettings:
        """Return the settings with the digest of the weights file, since the cache knows a training by its settings.

        Raises:
            UserError: There is no such file.
        """
        weights = settings.pretrain.weights
        if weights in ("imagenet", "none"):
            return settings
        if not storage.exists(weights):
            raise UserError(f"pretrain.weights: no such file '{weights}': give a .safetensors file, imagenet or none")
        sha256 = settings.pretrain.weights_sha256 or storage.digest(weights)
        return dataclasses.replace(settings, pretrain=settings.pretrain.model_copy(update={"weights_sha256": sha256}))
