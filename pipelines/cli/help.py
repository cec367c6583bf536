"""The explanations that several commands share: what the values of options mean, and where to read more."""

import textwrap
from collections.abc import Iterable
from pathlib import Path

from simpgan.components.core.registry.continuation import RETRAINED
from simpgan.components.core.results.methods import SELECTABLE
from simpgan.components.ingest.layouts import LAYOUTS

CONFIG = Path(__file__).parents[1] / "config"
WIDTH = 78
"""Columns of the explanations, for terminals of 80."""


def shipped(folder: str) -> str:
    """List the YAML files that ship in a folder of `config`, without importing the code that reads them."""
    return ", ".join(sorted(path.stem for path in (CONFIG / folder).glob("*.yaml")))


VALUES = {
    "LAYOUT:PATH": f"PATH: folder, archive, table or s3://bucket/prefix; LAYOUT: {', '.join(LAYOUTS)}",
    "WAY": "data: one classifier on all sources; features: one on each; both",
    "METHODS": ", ".join(SELECTABLE),
    "METHOD": ", ".join(RETRAINED),
    "SPLITS": "protocols with folds, as folds10:0-9,all250; by default fold 0",
    "PRESET": f"{shipped('presets')}, or a YAML file; by default the settings' own defaults",
    "NAME=VALUE": "a setting of this stage, such as seed=1",
    "SETTING=VALUE": "a setting of a stage, such as train_gan.lambda_similarity=0.1",
    "SETTING=LIST": "its values, such as train_gan.lambda_similarity=0,0.1,1",
    "STORAGE": "a folder or s3://bucket/prefix; also from SIMPGAN_DATA_ROOT",
    "GALLERY": "a manifest, or the folder or s3:// prefix that simpgan gallery wrote",
    "MODEL": "NAME@champion, NAME@3 for version 3, or the folder of an adaptation",
    "FORMAT": "onnx; torchscript, which torch will give up; pt2, the file of torch.export",
    "RUNNER": "subprocess: a process per stage; docker: a container per stage, of its image",
    "PROFILE": f"{shipped('profiles')}, or a YAML file",
    "REGISTRY": "such as ghcr.io/you/simpgan; by default SIMPGAN_REGISTRY or images/digests.json",
}
"""The placeholders of options, and what stands for them on the command line."""

SEE_ALSO = "Storage, settings, cache and MLflow: simpgan --help"

COMMON = """\
Storage     --data-root or SIMPGAN_DATA_ROOT: folder or s3:// prefix of images and checkpoints
Settings    the defaults are the paper's; --preset, --set and --seed override them, in this order
Cache       a run reuses finished stages in --out; copies of remote files are in SIMPGAN_CACHE
MLflow      runs are recorded in MLFLOW_TRACKING_URI; by default in mlflow.db in --out
Completion  simpgan --install-completion, then open a new shell"""
"""The end of `simpgan --help`."""


def explain(placeholders: Iterable[str | None]) -> str:
    """Return the end of a command's help: the meaning of its placeholders, then where the rest is explained."""
    used = set(placeholders)
    known = [name for name in VALUES if name in used]
    width = max(map(len, known), default=0)
    lines = [
        textwrap.fill(
            VALUES[name],
            WIDTH,
            initial_indent=f"{name:{width}}  ",
            subsequent_indent=" " * (width + 2),
            break_on_hyphens=False,
        )
        for name in known
    ]
    return "\n".join([*lines, *([""] if known else []), SEE_ALSO])
