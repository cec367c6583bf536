"""The commands that manage registered models: propose, promote, rollback, models."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.locations import a_place, all_existing, existing
from simpgan.pipelines.cli.options import ModelOption

StoreOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="FOLDER", help="Run whose mlflow.db has the model; by default MLFLOW_TRACKING_URI."),
]
PARTS = "Parts, without RUN"
COLUMNS = {
    "simpgan.method": "method",
    "simpgan.source": "source",
    "simpgan.target": "target",
    "simpgan.split": "split",
    "simpgan.rank-1": "rank-1",
    "simpgan.mAP": "mAP",
    "simpgan.check.score": "score",
    "simpgan.verdict": "gate",
}


def propose(
    run: Annotated[
        Path | None, typer.Argument(help="The --out of simpgan run adapt; otherwise give the parts.")
    ] = None,
    method: Annotated[str, typer.Option(metavar="NAME", help="Method of the results, such as camera-adabn.")] = "",
    protocol: Annotated[str, typer.Option(metavar="SPLIT", help="Split, if the run has several: folds10:3.")] = "",
    variant: Annotated[str, typer.Option(metavar="TEXT", help="Value of a sweep: lambda_similarity=0.1.")] = "",
    model: ModelOption = "simpgan",
    promote: Annotated[bool, typer.Option("--promote", help="Make it the champion if it passes the gate.")] = False,
    source: Annotated[
        Path | None, typer.Option(metavar="MANIFEST", rich_help_panel=PARTS, help="Manifest of the source.")
    ] = None,
    target: Annotated[
        Path | None, typer.Option(metavar="MANIFEST", rich_help_panel=PARTS, help="Manifest of the target.")
    ] = None,
    classifier: Annotated[
        Path | None, typer.Option(metavar="FOLDER", rich_help_panel=PARTS, help="Classifier from pretrain.")
    ] = None,
    translator: Annotated[
        Path | None, typer.Option(metavar="FOLDER", rich_help_panel=PARTS, help="Translator from train-gan.")
    ] = None,
    companion: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", rich_help_panel=PARTS, help="Further classifier; repeatable."),
    ] = None,
    companion_source: Annotated[
        list[Path] | None,
        typer.Option(metavar="MANIFEST", rich_help_panel=PARTS, help="Source of a --companion; repeatable."),
    ] = None,
    results: Annotated[
        Path | None, typer.Option(metavar="FOLDER", rich_help_panel=PARTS, help="Results from evaluate.")
    ] = None,
    results_of_champion: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", rich_help_panel=PARTS, help="Results of the champion on the same target."),
    ] = None,
    data_root: Annotated[
        str | None,
        typer.Option(
            "--data-root",
            metavar="STORAGE",
            envvar="SIMPGAN_DATA_ROOT",
            show_envvar=False,
            callback=a_place,
            help="Images; by default where RUN stored them.",
        ),
    ] = None,
) -> None:
    """Register an adaptation as candidate and compare it with the champion.

    The candidate gets a model card. Without --method, AdaBN per camera is registered, with --translator after its
    method; for a single camera AdaBN.
    """
    from tempfile import TemporaryDirectory

    from simpgan.components.core.results.methods import CAMERA_ADABN
    from simpgan.components.propose import stage
    from simpgan.components.propose.settings import ProposeSettings
    from simpgan.pipelines.cli.run import place_of_data
    from simpgan.pipelines.runner.relocation import find_data_root
    from simpgan.pipelines.runner.run_outputs import Parts, evaluated_with, find_parts

    where = split_of(protocol)
    given = {"source": source, "target": target, "classifier": classifier, "results": results}
    if run:
        parts, looking = find_parts(run, method or CAMERA_ADABN, *where, variant), evaluated_with(run)
        use_store(run)
    else:
        missing = [name for name, value in given.items() if value is None]
        if missing:
            raise UserError(f"propose: give the --out of a run, or all the parts: --{missing[0]} is missing")
        looking = {}
        folders = {name: existing(folder, f"--{name}") for name, folder in given.items() if folder}
        parts = Parts(
            **folders,
            translator=translator and existing(translator, "--translator"),
            variant=variant,
            companions=tuple(all_existing(companion, "--companion")),
            companion_sources=tuple(all_existing(companion_source, "--companion-source")),
        )
    chosen: dict[str, Any] = {"model": model, "promote": promote, "variant": variant, **looking}
    chosen |= {"method": method, "protocol": where[0], "fold": where[1]}
    settings = ProposeSettings.parse(chosen, stage="propose")
    root = find_data_root(data_root and place_of_data(data_root), run or parts.target)
    with TemporaryDirectory() as output, root.explained(parts.target, parts.source):
        version, verdict = stage.run(
            parts.classifier,
            parts.source,
            parts.target,
            parts.results,
            settings,
            root.place,
            Path(output),
            translator=parts.translator,
            companions=parts.companions,
            companion_sources=parts.companion_sources,
            evaluation_of_champion=results_of_champion and existing(results_of_champion, "--results-of-champion"),
        )
    typer.echo(f"{version} {verdict.in_words}\n{version} is {in_words(version.aliases)}.")


def promote(
    which: Annotated[str, typer.Argument(metavar="VERSION", help="Number or alias of the version.")] = "candidate",
    model: ModelOption = "simpgan",
    out: StoreOption = None,
    force: Annotated[
        str, typer.Option("--force", metavar="REASON", help="Promote despite the gate; the reason is recorded.")
    ] = "",
) -> None:
    """Make a version the champion if it passes the gate.

    The former champion becomes the previous one.
    """
    from simpgan.components.core.registry.gate import GateSettings
    from simpgan.components.core.registry.model_registry import ModelRegistry
    from simpgan.components.propose import promotion

    use_store(out)
    version, verdict = promotion.promote(ModelRegistry(model), which, GateSettings.parse({}), force)
    typer.echo(f"{version} {verdict.in_words}\n{version} is {in_words(version.aliases)}.")


def rollback(model: ModelOption = "simpgan", out: StoreOption = None) -> None:
    """Make the previous champion the champion again.

    The two versions swap: a second rollback undoes the first.
    """
    from simpgan.components.core.registry.model_registry import ModelRegistry

    use_store(out)
    now, before = ModelRegistry(model).roll_back()
    typer.echo(f"{now} is the champion again{f', {before} is the previous one' if before else ''}.")


def models(model: ModelOption = "simpgan", out: StoreOption = None) -> None:
    """List the versions of a registered model, newest first."""
    from simpgan.components.core.registry.model_registry import ModelRegistry
    from simpgan.components.core.results.summary import aligned

    use_store(out)
    versions = ModelRegistry(model).versions()
    if not versions:
        raise UserError(f"MLflow has no model '{model}': register one with simpgan propose, or give --model")
    shown = [name for name in COLUMNS if any(version.tags.get(name) for version in versions)]
    lines = [["version", "alias", *(COLUMNS[name] for name in shown), "date"]]
    for version in versions:
        values = [version.tags.get(name, "") for name in shown]
        lines.append([str(version.number), ", ".join(version.aliases), *values, version.date])
    typer.echo(aligned(lines))


def use_store(out: Path | None) -> None:
    """Set MLFLOW_TRACKING_URI to the store in a run's folder, unless it is set already or no folder is given.

    Raises:
        UserError: The folder has no store.
    """
    from simpgan.components.core.tracking.store_address import store_address

    if out is None or os.environ.get("MLFLOW_TRACKING_URI"):
        return
    store = out.resolve() / "mlflow.db"
    if not store.is_file():
        raise UserError(f"no runs in {out}: it has no mlflow.db; give the --out of a run")
    os.environ["MLFLOW_TRACKING_URI"] = store_address(store)


def split_of(text: str) -> tuple[str, int]:
    """Parse a protocol and fold, `folds10:3`. The fold is 0 by default; an empty text is no protocol."""
    protocol, _, fold = text.partition(":")
    if fold and not fold.isdigit():
        raise UserError(f"--protocol '{text}' names no fold: write {protocol}:0")
    return protocol, int(fold or 0)


def in_words(aliases: tuple[str, ...]) -> str:
    """Describe a version by its aliases."""
    return " and ".join(f"the {alias}" for alias in aliases) or "registered"
