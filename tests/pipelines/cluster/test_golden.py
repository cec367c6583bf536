"""Every compiled pipeline stands in golden/, so that a change of what a cluster gets is seen in a review.

After a change that is meant:  python -m tests.pipelines.cluster.test_golden
"""

import difflib
import tempfile
from pathlib import Path

import pytest
from kfp.compiler import Compiler
from kfp.components import load_component_from_file

from simpgan.components.core.images import Images, name_of
from simpgan.pipelines.cluster.compilation import compile_for_cluster
from simpgan.pipelines.config.profiles import STAGES, read_profile
from simpgan.pipelines.graphs.adapt import adapt_pipeline
from simpgan.pipelines.graphs.retrain import retrain_pipeline
from simpgan.pipelines.graphs.table1 import table1_pipeline

GOLDEN = Path(__file__).parent / "golden"
METHODS = ("simpgan", "source-to-target", "umdl")
PIPELINES = {
    "adapt": lambda: adapt_pipeline(METHODS),
    "table1": lambda: table1_pipeline(METHODS),
    "retrain": lambda: retrain_pipeline("simpgan"),
}
PROFILES = ("", "one-gpu")
FILES = [f"{name}-{profile}.yaml".replace("-.", ".") for name in PIPELINES for profile in PROFILES]
IMAGES = Images(
    registry="registry.example/simpgan",
    digests={name_of(stage): f"sha256:{number:064x}" for number, stage in enumerate(STAGES)},
)
LINES_SHOWN = 60


def compiled(file: str, folder: Path) -> str:
    """The pipeline of a golden file as the compiler writes it now; one that kfp can read."""
    name, _, profile = file.removesuffix(".yaml").partition("-")
    path = folder / file
    if profile:
        assert compile_for_cluster(PIPELINES[name](), read_profile(profile), IMAGES, str(path)) == []
    else:
        Compiler().compile(PIPELINES[name](), str(path))
    load_component_from_file(str(path))
    return path.read_text()


@pytest.mark.parametrize("file", FILES)
def test_a_compiled_pipeline_is_the_golden_one(file, tmp_path):
    golden = (GOLDEN / file).read_text().splitlines()
    difference = list(difflib.unified_diff(golden, compiled(file, tmp_path).splitlines(), "golden", "now", lineterm=""))
    if difference:
        shown = "\n".join(difference[:LINES_SHOWN])
        pytest.fail(f"{file}: if this is meant: python -m {__name__}\n{shown}", pytrace=False)


def test_every_golden_file_is_compiled():
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(FILES)


def renew() -> None:
    """Write every golden file anew, and remove what is none."""
    GOLDEN.mkdir(exist_ok=True)
    for path in GOLDEN.iterdir():
        path.unlink()
    with tempfile.TemporaryDirectory() as folder:
        for file in FILES:
            (GOLDEN / file).write_text(compiled(file, Path(folder)))
    print(f"{len(FILES)} files in {GOLDEN}")


if __name__ == "__main__":
    renew()
