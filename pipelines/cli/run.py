"""The commands for whole pipelines: run, compile, demo, demo-data."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from components.core.runtime import storage
from components.core.runtime.errors import UserError
from pipelines.cli.options import DataRootOption, OutOption, PresetOption, SeedOption, SetOption, split

if TYPE_CHECKING:
    from components.core.results.rows import ResultsRow
    from pipelines.run_adapt import DataSet


class Pipeline(StrEnum):
    """The pipelines there are."""

    ADAPT = "adapt"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run")(run)
    app.command("compile")(compile_pipeline)
    app.command("demo")(demo)
    app.command("demo-data")(demo_data)


def run(
    pipeline: Pipeline,
    source: Annotated[str, typer.Option(help="Labelled data set: market1501:PATH, cuhk01:PATH or grid:PATH.")],
    target: Annotated[str, typer.Option(help="Data set to adapt to, likewise. Its labels only measure.")],
    out: OutOption,
    source_name: Annotated[str, typer.Option(help="What results call the source; without, its layout's name.")] = "",
    target_name: Annotated[str, typer.Option(help="What results call the target, likewise.")] = "",
    method: Annotated[str, typer.Option(help="Methods, with commas: simpgan,cyclegan,gan.")] = "",
    protocol: Annotated[
        str, typer.Option(help="Protocols of the target with folds, with commas: folds10:0,all250.")
    ] = "",
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedOption = None,
    data_root: DataRootOption = None,
) -> None:
    """Run a pipeline on this machine. Stages that are done already come from the cache in --out."""
    from pipelines.run_adapt import DataSet

    source_set = DataSet.parse(source, "--source", source_name)
    target_set = DataSet.parse(target, "--target", target_name)
    methods, protocols = split(method), split(protocol)
    rows = adapt(source_set, target_set, out, methods, protocols, preset, assignments or [], seed, data_root)
    show(rows, out / "report.html")
    typer.echo(f"Every run:  simpgan ui --out {out}")


def compile_pipeline(
    pipeline: Pipeline,
    out: Annotated[Path, typer.Option(help="YAML file to write.")] = Path("adapt.yaml"),
) -> None:
    """Write a pipeline as the YAML that Kubeflow Pipelines takes."""
    from kfp.compiler import Compiler

    from pipelines.adapt import adapt_pipeline

    if out.suffix not in (".yaml", ".yml"):
        raise UserError(f"--out {out}: the file is YAML: end its name with .yaml")
    out.parent.mkdir(parents=True, exist_ok=True)
    Compiler().compile(adapt_pipeline(), str(out))
    typer.echo(f"{out} written")


def demo_data(
    out: Annotated[Path, typer.Argument(help="Folder for the two data sets.")],
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other people and cameras.")] = 0,
) -> None:
    """Generate two small camera networks in official layouts, for trying the software."""
    from pipelines.demo_data import generate

    source, target = generate(out, seed)
    typer.echo(f"--source market1501:{source} --target grid:{target}")


def demo(
    out: OutOption = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, help="Of the generated data and of every training.")] = 0,
) -> None:
    """Generate two camera networks, and adapt from one to the other: a few minutes, no download, no GPU."""
    from pipelines.demo_data import SOURCE_FOLDER, TARGET_FOLDER, generate
    from pipelines.run_adapt import DataSet

    folder = out / f"cameras-{seed}"
    if not (folder / TARGET_FOLDER).exists():
        generate(folder, seed)
    source = DataSet.parse(f"market1501:{folder / SOURCE_FOLDER}", "--out", "generated-outdoor")
    target = DataSet.parse(f"grid:{folder / TARGET_FOLDER}", "--out", "generated-underground")
    rows = adapt(source, target, out, ["gan", "cyclegan", "simpgan"], [], "demo", [], seed, None)
    show(rows, out / "report.html")
    typer.echo(f"Every run:  simpgan ui --out {out}\n\n{verdict(rows)}")


def adapt(
    source: "DataSet",
    target: "DataSet",
    out: Path,
    methods: list[str],
    protocols: list[str],
    preset: str | None,
    assignments: list[str],
    seed: int | None,
    data_root: str | None,
) -> "list[ResultsRow]":
    """Check all that was asked for, then run the pipeline `adapt`. Returns the rows of results."""
    from pipelines.presets import resolve
    from pipelines.run_adapt import plan, run_adapt

    settings = resolve(preset, assignments, seed, source.layout)
    adaptations = plan(settings.train_gan, methods, protocols, target)
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{out / 'mlflow.db'}")
    return run_adapt(source, target, settings, adaptations, out, place_of_data(data_root or str(out / "data")))


def place_of_data(data_root: str) -> str:
    """The data root, as a full path where it is a folder."""
    return data_root if storage.is_s3(data_root) else str(Path(data_root).expanduser().resolve())


def show(rows: "list[ResultsRow]", report: Path) -> None:
    """Print the table of results, what it says in words, and where to look further."""
    from components.core.results.summary import compare, table

    methods = dict.fromkeys(row.method for row in rows if row.method != "direct" and "+" not in row.method)
    in_words = [f"{each.protocol}: {each}." for method in methods for each in compare(rows, method)]
    typer.echo("\n".join(["", table(rows), "", *in_words, "", f"The report: {report}"]))


def verdict(rows: "list[ResultsRow]") -> str:
    """Whether SimPGAN found more people than direct transfer, in a sentence."""
    from components.core.results.summary import compare

    better = all(comparison.rank_1 > comparison.baseline_rank_1 for comparison in compare(rows, "simpgan"))
    found = "found more people than" if better else "did not find more people than"
    return f"SimPGAN {found} direct transfer, without a single label from the new cameras."
