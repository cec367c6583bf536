"""Export an adaptation as a model in MLflow's format, which can serve it and knows its inputs and outputs."""

import io
import shutil
from importlib import metadata
from pathlib import Path

from simpgan.components.core.registry.description import Description
from simpgan.components.core.results.methods import CAMERA_ADABN

CODE = Path(__file__).parents[2]
PACKAGE = "simpgan"
MODEL = Path(__file__).with_name("pyfunc_model.py")
REQUIREMENTS = (
    "boto3",
    "numpy",
    "pandas",
    "pillow",
    "pyarrow",
    "pydantic",
    "safetensors",
    "torch",
    "tqdm",
)
"""Packages that a model imports, besides MLflow, which images have as mlflow-skinny."""


def export_model(folder: Path, card: str, place: Path) -> Path:
    """Write a model in MLflow's format to `place`/model: an adaptation's folder, its card, and the code that runs it.

    The model is a file of code ("models from code"), so nothing is pickled. A model with statistics per camera takes
    the camera of an image beside it, which may be missing.
    """
    import numpy
    import pandas
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    import mlflow

    # Without what Python and the editor left behind.
    code = place / "code" / PACKAGE
    shutil.copytree(CODE, code / CODE.name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(CODE.parent / "__init__.py", code)
    named = shutil.copytree(folder, place / "adaptation")  # MLflow keeps a folder under its own name
    (named / "card.md").write_text(card)
    features = TensorSpec(numpy.dtype("float32"), (-1, -1))
    description = Description.read(folder)
    camera = [ColSpec("string", "camera", required=False)] if description.statistics == CAMERA_ADABN else []
    model = place / "model"
    mlflow.pyfunc.save_model(
        path=str(model),
        python_model=str(MODEL),
        artifacts={"adaptation": str(named)},
        signature=ModelSignature(Schema([ColSpec("binary", "image"), *camera]), Schema([features])),
        input_example=pandas.DataFrame({"image": [example_image()]}),
        pip_requirements=[f"mlflow=={mlflow.__version__}", *pinned_requirements()],
        code_paths=[str(code)],
        metadata={"content": description.content},
    )
    # MLflow notes where the parts came from, paths of this machine that others must not see.
    written = Model.load(str(model))
    flavor = written.flavors["python_function"]
    flavor["model_code_path"] = MODEL.name
    flavor["artifacts"]["adaptation"]["uri"] = flavor["artifacts"]["adaptation"]["path"]
    written.save(str(model / "MLmodel"))
    return model


def example_image() -> bytes:
    """Draw an example image as PNG: models are passed on, and images of people must not be."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((16, 32)).convert("RGB").save(buffer, "png")
    return buffer.getvalue()


def pinned_requirements() -> list[str]:
    """Return `REQUIREMENTS` with their installed versions, without the suffix of builds for GPUs."""
    return [f"{name}=={metadata.version(name).partition('+')[0]}" for name in REQUIREMENTS]
