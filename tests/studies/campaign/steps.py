"""The steps of a campaign: what `simpgan run table1` would do, as commands of the stages."""

import hashlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import typer

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.methods import SOURCE_TO_TARGET
from simpgan.pipelines.cli.commands import Commands, with_options_of
from simpgan.pipelines.cli.options import OutOption
from simpgan.pipelines.cli.requests import table1_request
from simpgan.pipelines.requests.places import Places
from simpgan.pipelines.requests.table1 import Table1Request

RESUMABLE = ("pretrain", "train-gan")
"""Stages that go on from a checkpoint."""

Settings = Mapping[str, Mapping[str, Any]]  # stage to setting to value


@dataclass(frozen=True, eq=False)
class Step:
    """A stage with its settings and inputs.

    Attributes:
        stage: command of `simpgan`.
        title: what people read.
        settings: of the stage, of JSON types; None: it has none.
        given: further arguments of the command.
        inputs: options, each with the step whose output it takes; an option may repeat, and "" is none.
    """

    stage: str
    title: str
    settings: Mapping[str, Any] | None
    given: Sequence[str] = ()
    inputs: Sequence[tuple[str, "Step"]] = ()

    @cached_property
    def key(self) -> str:
        """What the output depends on, as a digest; not the folder of a data set, which differs on every machine."""
        given = [Path(each).name for each in self.given]
        content = [self.stage, self.settings, given, [(option, step.key) for option, step in self.inputs]]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """The name of files and folders."""
        return f"{re.sub(r'[^a-z0-9]+', '-', self.title.lower())}-{self.key}"

    def inputs_of(self, *options: str) -> list["Step"]:
        """The steps whose outputs some options take; without options, all."""
        return [step for option, step in self.inputs if not options or option in options]


@dataclass(frozen=True)
class Line:
    """One command of a campaign.

    Attributes:
        arguments: of `simpgan`.
        out: name of the folder of its results.
        steps: in the order in which `run table1` does them.
    """

    arguments: Sequence[str]
    out: str
    steps: Sequence[Step]

    @property
    def evaluations(self) -> list[Step]:
        """The steps that write rows."""
        return [step for step in self.steps if step.stage == "evaluate"]


def read_lines(file: Path) -> list[Line]:
    """The commands of a file, one a line; a backslash continues a line, and # begins a comment.

    Raises:
        UserError: A line is no `simpgan run table1`, or asks for something impossible.
    """
    text = file.read_text().replace("\\\n", " ")
    commands = [arguments for each in text.splitlines() if (arguments := shlex.split(each, comments=True))]
    if not commands:
        raise UserError(f"{file} has no commands: write one `simpgan run table1 ...` a line")
    return [parse(arguments) for arguments in commands]


def parse(command: Sequence[str]) -> Line:
    """Parse `simpgan run table1 ...` as the command line does."""
    name, run, pipeline, *options = [*command, "", "", ""][: max(3, len(command))]
    if (name, run, pipeline) != ("simpgan", "run", "table1"):
        raise UserError(f"'{shlex.join(command)}' cannot be done in steps: write `simpgan run table1 ...`")
    parsed: list[Line] = []

    @with_options_of(table1_request)
    def take(request: Table1Request, out: OutOption) -> None:
        steps = steps_of(request.check(Places()).arguments)
        parsed.append(Line(command[1:], out.name, list({step.key: step for step in steps}.values())))

    application = Commands()
    application.command("table1")(take)
    application.callback()(lambda: None)
    typer.main.get_command(application)(["table1", *options], standalone_mode=False)
    return parsed[0]


def steps_of(arguments: Mapping[str, Any]) -> Iterator[Step]:
    """The steps of the pipeline `table1` for its arguments, as `pipelines/graphs` joins them."""
    of_ingest = json.loads(arguments["ingest_settings"])
    target = ingest(arguments, "target", of_ingest)
    yield target
    parts = [ingest(each, "source", of_ingest) for each in arguments["sources"]]
    yield from parts
    sources = list(zip([each["source_name"] for each in arguments["sources"]], parts, strict=True))
    if joint := arguments.get("source_name"):
        sources = [(joint, Step("join", f"join {joint}", None, ["--name", joint], [("", part) for part in parts]))]
        yield sources[0][1]
    for name, source in sources:
        for texts in arguments["seeds"]:
            settings = {stage.removesuffix("_settings"): json.loads(text) for stage, text in texts.items()}
            yield from experiment(source, target, name, settings, arguments)


def ingest(of: Mapping[str, str], role: str, settings: Mapping[str, Any]) -> Step:
    """The step that reads the source or the target."""
    layout, name = of[f"{role}_layout"], of[f"{role}_name"]
    values = {**settings, "layout": layout, "name": name}
    return Step("ingest", f"ingest {name}", values, [f"{layout}:{of[f'{role}_location']}"])


def experiment(
    source: Step, target: Step, source_name: str, settings: Settings, loops: Mapping[str, Any]
) -> Iterator[Step]:
    """The steps of one source and one seed."""
    about = f"({source_name}, {settings['evaluate']['preset'] or 'defaults'}, seed {settings['pretrain']['seed']})"
    both = [("--source", source), ("--target", target)]
    classifier = Step("pretrain", f"pretrain {about}", settings["pretrain"], inputs=[("--source", source)])
    evaluated = [*both, ("--classifier", classifier)]
    yield classifier

    def translator_of(method: str, split: Mapping[str, Any]) -> Step:
        chosen = {"method": method, "protocol": split["protocol"], "fold": int(split["fold"])}
        title = f"train-gan {method} {split['protocol']}:{split['fold']} {about}"
        inputs = [*both, ("--classifier", classifier)]
        return Step("train-gan", title, {**settings["train_gan"], **chosen}, inputs=inputs)

    def translation_by(translator: Step, role: str, of: Step) -> Step:
        title = f"translate {role} by {translator.title.removeprefix('train-gan ')}"
        return Step("translate", title, settings["translate"], inputs=[(f"--{role}", of), ("--translator", translator)])

    for adaptation in loops["adaptations"]:
        translator = translator_of(adaptation["method"], adaptation)
        translated = translation_by(translator, "target", target)
        evaluated += [("--translated", translated), ("--translator", translator)]
        yield from (translator, translated)
    for split in loops["counterparts"]:
        translator = translator_of("simpgan", split)
        translated = translation_by(translator, "source", source)
        title = f"pretrain {SOURCE_TO_TARGET} {split['protocol']}:{split['fold']} {about}"
        counterpart = Step("pretrain", title, settings["pretrain"], inputs=[("--source", translated)])
        evaluated += [("--counterpart", counterpart)]
        yield from (translator, translated, counterpart)
    for split in loops["umdl_splits"]:
        values = {**settings["umdl"], "protocol": split["protocol"], "fold": int(split["fold"])}
        title = f"umdl {split['protocol']}:{split['fold']} ({source_name}, seed {settings['umdl']['seed']})"
        features = Step("umdl", title, values, inputs=both)
        evaluated += [("--features", features)]
        yield features
    methods = [adaptation["method"] for adaptation in loops["adaptations"]]
    methods += [SOURCE_TO_TARGET] * bool(loops["counterparts"]) + ["umdl"] * bool(loops["umdl_splits"])
    title = (
        f"evaluate {', '.join(dict.fromkeys(methods)) or 'direct'} on {target.title.removeprefix('ingest ')} {about}"
    )
    yield Step("evaluate", title, settings["evaluate"], inputs=evaluated)
