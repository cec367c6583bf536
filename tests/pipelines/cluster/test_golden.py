"""golden/ outlines every compiled pipeline, so that a review shows each change of what a cluster gets.

After an intended change:  python -m tests.pipelines.cluster.test_golden
"""

import difflib
import tempfile
from pathlib import Path

import pytest
import yaml
from kfp.components import load_component_from_file

from simpgan.components.core.images import StageImages, name_of
from simpgan.pipelines.cluster.compilation import compile_for_cluster
from simpgan.pipelines.config.profiles import STAGES, read_profile
from simpgan.pipelines.graphs.adapt import adapt_pipeline
from simpgan.pipelines.graphs.retrain import retrain_pipeline
from simpgan.pipelines.graphs.table1 import table1_pipeline
from tests.pipelines.cluster.outline import Document, outline_components, outline_graph, outline_pods

GOLDEN = Path(__file__).parent / "golden"
METHODS = ("simpgan", "source-to-target", "umdl", "self-training", "simpgan+self-training")
PIPELINES = {
    "adapt": adapt_pipeline(METHODS),
    "table1": table1_pipeline(METHODS),
    "adapt-joint": adapt_pipeline(METHODS, joint=True),
    "adapt-companions": adapt_pipeline(METHODS, with_companions=True),
    "table1-joint": table1_pipeline(METHODS, joint=True, with_companions=True),
    "retrain": retrain_pipeline("simpgan"),
}
PROFILE = "one-gpu"
IMAGES = StageImages(registry="registry.example", digests={name_of(stage): f"sha256:{0:064x}" for stage in STAGES})
LINES_SHOWN = 60


def outlines(folder: Path) -> dict[str, str]:
    """Compile every pipeline, check that kfp can read it, and return the golden files as they are now, by name."""
    documents: list[Document] = []
    platforms: list[Document] = []
    for name, pipeline in PIPELINES.items():
        path = folder / f"{name}.yaml"
        assert compile_for_cluster(pipeline, read_profile(PROFILE), IMAGES, str(path)) == []
        load_component_from_file(str(path))
        document, platform = yaml.safe_load_all(path.read_text())
        documents.append(document)
        platforms.append(platform)
    outlined = {
        **{name: outline_graph(document) for name, document in zip(PIPELINES, documents, strict=True)},
        "components": outline_components(documents),
        PROFILE: outline_pods(documents, platforms),
    }
    return {f"{name}.yaml": yaml.safe_dump(outline, width=1000) for name, outline in outlined.items()}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return outlines(tmp_path_factory.mktemp("compiled"))


@pytest.mark.parametrize("file", sorted(path.name for path in GOLDEN.iterdir()))
def test_a_compiled_pipeline_has_its_golden_outline(compiled: dict[str, str], file: str) -> None:
    golden = (GOLDEN / file).read_text().splitlines()
    difference = list(difflib.unified_diff(golden, compiled.get(file, "").splitlines(), "golden", "now", lineterm=""))
    if difference:
        shown = "\n".join(difference[:LINES_SHOWN])
        pytest.fail(f"{file}: if this is intended: python -m {__name__}\n{shown}", pytrace=False)


def test_every_outline_has_a_golden_file(compiled: dict[str, str]) -> None:
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(compiled)


def renew() -> None:
    """Replace all golden files."""
    GOLDEN.mkdir(exist_ok=True)
    for path in GOLDEN.iterdir():
        path.unlink()
    with tempfile.TemporaryDirectory() as folder:
        for file, text in outlines(Path(folder)).items():
            (GOLDEN / file).write_text(text)
    print(f"{len(list(GOLDEN.iterdir()))} files in {GOLDEN}")


if __name__ == "__main__":
    renew()
