"""A registered adaptation as MLflow serves it: MLflow keeps this file itself, so nothing is pickled."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext
from numpy.typing import NDArray

from simpgan.components.core.data.image_tensors import decode
from simpgan.components.core.registry.adaptation import load_adaptation


class Search(PythonModel):
    """Maps encoded images to the features for searching people."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the networks, once."""
        self.adaptation = load_adaptation(Path(context.artifacts["adaptation"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> NDArray[np.float32]:
        """Return features [N, D] of length 1, compared by cosine, of the images in the column `image`.

        A column `camera` names their cameras; a missing or unknown camera takes the statistics of the whole set.
        """
        images = [decode(content, *self.adaptation.size) for content in model_input["image"]]
        cameras = model_input["camera"].tolist() if "camera" in model_input else None
        return self.adaptation.features(torch.from_numpy(np.stack(images)), cameras=cameras)


set_model(Search())
