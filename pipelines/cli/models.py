"""The commands about models in use: propose, promote, rollback, models."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.locations import a_place
from simpgan.pipelines.cli.options import ModelOption

StoreOption = Annotated[
    Path | None,
    typer.Option("--out", help="The --out of a run whose own MLflow it is. Without: what MLFLOW_TRACKING_URI names."),
]
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


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("propose")(propose)
    app.command("promote")(promote)
    app.command("rollback")(rollback)
    app.command("models")(models)


def propose(
    run: Annotated[Path | None, typer.Argument(help="The --out of simpgan run adapt. Or give the parts.")] = None,
    method: Annotated[
        str,
        typer.Option(help="What to register: adabn, simpgan+adabn, ... Without: AdaBN; with --translator after it."),
    ] = "",
    protocol: Annotated[str, typer.Option(help="Split of the target, if there are several: folds10:3.")] = "",
    variant: Annotated[str, typer.Option(help="Of a sweep: lambda_similarity=0.1.")] = "",
    model: ModelOption = "simpgan",
    promote: Annotated[
        bool, typer.Option("--promote", help="Make it the champion if the gate lets it through.")
    ] = False,
    source: Annotated[Path | None, typer.Option(help="Manifest of the labelled data set.")] = None,
    target: Annotated[Path | None, typer.Option(help="Manifest of the data set it was adapted to.")] = None,
    classifier: Annotated[Path | None, typer.Option(help="Classifier that pretrain made.")] = None,
    translator: Annotated[Path | None, typer.Option(help="Translator that train-gan made.")] = None,
    results: Annotated[Path | None, typer.Option(help="What evaluate found of it.")] = None,
    results_of_champion: Annotated[
        Path | None, typer.Option(help="What evaluate found of the champion on the same target.")
    ] = None,
    data_root: Annotated[
        str | None,
        typer.Option(
            "--data-root",
            envvar="SIMPGAN_DATA_ROOT",
            callback=a_place,
            help="Where the images are. Without: where RUN had them.",
        ),
    ] = None,
) -> None:
    """Register an adaptation in MLflow as a candidate, with a model card, and hold it against the champion."""
    from tempfile import TemporaryDirectory

    from simpgan.components.propose import stage
    from simpgan.components.propose.settings import ProposeSettings
    from simpgan.pipelines.cli.run import place_of_data
    from simpgan.pipelines.cli.stages import existing
    from simpgan.pipelines.runner.relocation import find_data_root
    from simpgan.pipelines.runner.run_outputs import Parts, evaluated_with, find_parts

    where = split_of(protocol)
    given = {"source": source, "target": target, "classifier": classifier, "results": results}
    if run:
        parts, looking = find_parts(run, method or "adabn", *where, variant), evaluated_with(run)
        use_store(run)
    else:
        missing = [name for name, value in given.items() if value is None]
        if missing:
            raise UserError(f"propose: give the --out of a run, or all the parts: --{missing[0]} is missing")
        looking = {}
        folders = {name: existing(folder, f"--{name}") for name, folder in given.items() if folder}
        parts = Parts(**folders, translator=translator and existing(translator, "--translator"), variant=variant)
    chosen: dict[str, Any] = {"model": model, "promote": promote, "variant": variant, **looking}
    chosen |= {"method": method or ("adabn" if run else ""), "protocol": where[0], "fold": where[1]}
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
            evaluation_of_champion=results_of_champion and existing(results_of_champion, "--results-of-champion"),
        )
    typer.echo(f"{version} {verdict.in_words}\n{version} is {in_words(version.aliases)}.")


def promote(
    which: Annotated[str, typer.Argument(metavar="VERSION", help="Number or alias.")] = "candidate",
    model: ModelOption = "simpgan",
    out: StoreOption = None,
    force: Annotated[
        str, typer.Option("--force", metavar="REASON", help="Although the gate refuses it; the reason is kept.")
    ] = "",
) -> None:
    """Make a version the champion, if the gate lets it through; the champion so far is then the previous one."""
    from simpgan.components.core.registry.gate import GateSettings
    from simpgan.components.core.registry.model_registry import Registry
    from simpgan.components.propose import promotion

    use_store(out)
    version, verdict = promotion.promote(Registry(model), which, GateSettings.parse({}), force)
    typer.echo(f"{version} {verdict.in_words}\n{version} is {in_words(version.aliases)}.")


def rollback(model: ModelOption = "simpgan", out: StoreOption = None) -> None:
    """Make the previous champion the champion again. The two change places: a second time undoes the first."""
    from simpgan.components.core.registry.model_registry import Registry

    use_store(out)
    now, before = Registry(model).roll_back()
    typer.echo(f"{now} is the champion again{f', {before} is the previous one' if before else ''}.")


def models(model: ModelOption = "simpgan", out: StoreOption = None) -> None:
    """List the versions of a registered model, the newest first: what they are, how they do, which is in use."""
    from simpgan.components.core.registry.model_registry import Registry
    from simpgan.components.core.results.summary import aligned

    use_store(out)
    versions = Registry(model).versions()
    if not versions:
        raise UserError(f"MLflow has no model '{model}': register one with simpgan propose, or give --model")
    shown = [name for name in COLUMNS if any(version.tags.get(name) for version in versions)]
    lines = [["version", "alias", *(COLUMNS[name] for name in shown), "date"]]
    for version in versions:
        values = [version.tags.get(name, "") for name in shown]
        lines.append([str(version.number), ", ".join(version.aliases), *values, version.date])
    typer.echo(aligned(lines))


def use_store(out: Path | None) -> None:
    """Name the MLflow store in a run's folder, unless the environment names another or none is given.

    Raises:
        UserError: the folder has none.
    """
    from simpgan.components.core.tracking.store_address import store_address

    if out is None or os.environ.get("MLFLOW_TRACKING_URI"):
        return
    store = out.resolve() / "mlflow.db"
    if not store.is_file():
        raise UserError(f"no runs in {out}: it has no mlflow.db; give the --out of a run")
    os.environ["MLFLOW_TRACKING_URI"] = store_address(store)


def split_of(text: str) -> tuple[str, int]:
    """A protocol and fold, `folds10:3`; fold 0 without one, and no protocol if the text is empty."""
    protocol, _, fold = text.partition(":")
    if fold and not fold.isdigit():
        raise UserError(f"--protocol '{text}' names no fold: write {protocol}:0")
    return protocol, int(fold or 0)


def in_words(aliases: tuple[str, ...]) -> str:
    """What a version is, by its aliases."""
    return " and ".join(f"the {alias}" for alias in aliases) or "registered"
