"""The formats: how each is written, and how what was written is run again."""

import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from simpgan.components.export_model.network import FeatureNetwork

OPSET = 18
"""The oldest that torch exports to by itself, so that the most programs can read it."""

ABOUT = "simpgan"
"""Name of the description inside each file."""

Arrays = Mapping[str, NDArray[Any]]
"""Inputs or outputs of a network by their names."""

Run = Callable[[Arrays], Arrays]
"""Computes the outputs of a network."""

OUTPUTS = ("features", "translated")
"""Names of a network's outputs; the second only with a translator."""


@dataclass(frozen=True)
class Format:
    """A format of exported models.

    Attributes:
        file: name of the file.
        packages: packages that it needs besides torch.
        runtime: package that runs what was written, for the check.
        write: writes a network, given example inputs, a path, and a description as JSON for the file's metadata.
        load: returns a function that computes what was written.
        example: Python that computes the features of an image file. To be filled in: `{file}`, `{size}` (width and
            height), `{camera}` (`example_camera` if the network takes cameras) and `{first}` ("[0]" if it has several
            outputs).
        example_camera: how the example names the camera.
    """

    file: str
    packages: tuple[str, ...]
    runtime: str
    write: Callable[[FeatureNetwork, Mapping[str, Tensor], Path, str], None]
    load: Callable[[Path], Run]
    example: str
    example_camera: str


def program_of(network: FeatureNetwork, example: Mapping[str, Tensor]) -> torch.export.ExportedProgram:
    """Export a network for any number of images."""
    return torch.export.export(network, (), dict(example), dynamic_shapes=any_number(example))


def any_number(example: Mapping[str, Tensor]) -> dict[str, dict[int, torch.export.Dim]]:
    """Say to torch's exporters that the first dimension of every input is the number of images."""
    batch = torch.export.Dim("batch")
    return {name: {0: batch} for name in example}


def write_onnx(network: FeatureNetwork, example: Mapping[str, Tensor], path: Path, about: str) -> None:
    """Write a network as ONNX."""
    import onnx

    with quiet():
        exported = torch.onnx.export(
            program_of(network, example),
            kwargs=dict(example),
            dynamic_shapes=any_number(example),  # for the dimension's name
            output_names=OUTPUTS[: 1 if network.translator is None else 2],
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    assert exported is not None, "without a file it is returned"
    model = exported.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # places of the code on this machine
    model.metadata_props.add(key=ABOUT, value=about)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def load_onnx(path: Path) -> Run:
    """Load a network with onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, dict(inputs)), strict=True))


def write_torchscript(network: FeatureNetwork, example: Mapping[str, Tensor], path: Path, about: str) -> None:
    """Write a network as TorchScript."""
    with quiet():
        traced = torch.jit.trace(network, example_kwarg_inputs=dict(example), check_trace=False)
    recorded = path.with_suffix(".recorded")
    traced.save(str(recorded), _extra_files={f"{ABOUT}.json": about})
    with zipfile.ZipFile(recorded) as whole, zipfile.ZipFile(path, "w") as kept:
        for entry in whole.infolist():
            if not entry.filename.endswith(".debug_pkl"):  # places of the code on this machine
                kept.writestr(entry, whole.read(entry))
    recorded.unlink()


def load_torchscript(path: Path) -> Run:
    """Load a network with torch.jit."""
    with quiet():
        network = torch.jit.load(str(path))
    return lambda inputs: compute(network, inputs)


def write_pt2(network: FeatureNetwork, example: Mapping[str, Tensor], path: Path, about: str) -> None:
    """Write a network as torch.export does."""
    program = program_of(network, example)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # places of the code on this machine
    with quiet():
        torch.export.save(program, path, extra_files={f"{ABOUT}.json": about})


def load_pt2(path: Path) -> Run:
    """Load a network with torch.export."""
    with quiet():
        network = torch.export.load(path).module()
    return lambda inputs: compute(network, inputs)


def compute(network: Callable[..., Tensor | tuple[Tensor, ...]], inputs: Arrays) -> Arrays:
    """Compute the outputs of a network of torch."""
    with torch.no_grad():
        found = network(**{name: torch.from_numpy(value) for name, value in inputs.items()})
    outputs = [found] if isinstance(found, Tensor) else found
    return {name: output.numpy() for name, output in zip(OUTPUTS, outputs, strict=False)}


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings of torch's exporters: README.md says which formats torch will give up."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


TORCH_EXAMPLE = """\
import numpy, torch
from PIL import Image

network = {load}
image = Image.open("somebody.jpg").convert("RGB").resize({size}, Image.BILINEAR)
features = network(images=torch.tensor(numpy.asarray(image))[None]{camera}){first}
"""

FORMATS = {
    "onnx": Format(
        file="model.onnx",
        packages=("onnx", "onnxscript", "onnxruntime"),
        runtime="onnxruntime",
        write=write_onnx,
        load=load_onnx,
        example="""\
import numpy, onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("{file}")
image = Image.open("somebody.jpg").convert("RGB").resize(session.get_inputs()[0].shape[2:0:-1], Image.BILINEAR)
features = session.run(None, {{"images": numpy.asarray(image)[None]{camera}}})[0]
""",
        example_camera=', "camera": numpy.array([0])',
    ),
    "torchscript": Format(
        file="model.pt",
        packages=(),
        runtime="torch",
        write=write_torchscript,
        load=load_torchscript,
        example=TORCH_EXAMPLE.replace("{load}", 'torch.jit.load("{file}")'),
        example_camera=", camera=torch.tensor([0])",
    ),
    "pt2": Format(
        file="model.pt2",
        packages=(),
        runtime="torch",
        write=write_pt2,
        load=load_pt2,
        example=TORCH_EXAMPLE.replace("{load}", 'torch.export.load("{file}").module()'),
        example_camera=", camera=torch.tensor([0])",
    ),
}
