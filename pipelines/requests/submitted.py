"""What `simpgan submit` and schedules ask for: options of `simpgan run`, made into a pipeline and its arguments."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kfp.dsl.graph_component import GraphComponent
from pydantic import Field

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.components.core.images import Images
from simpgan.components.core.settings import Settings
from simpgan.pipelines.cluster.compilation import compile_for_cluster
from simpgan.pipelines.cluster.compiled import Compiled, read_compiled
from simpgan.pipelines.cluster.data_checks import (
    ClusterDataSet,
    check_data_root,
    check_images,
    check_parameter,
    check_weights,
    cluster_data_set,
)
from simpgan.pipelines.cluster.image_registry import gone
from simpgan.pipelines.config.defaults import (
    MODEL,
    PART_IMAGES,
    RETRAIN_METHOD,
    SHARED_PEOPLE,
    TABLE1_METHODS,
    THRESHOLD,
    split,
)
from simpgan.pipelines.config.presets import RunSettings, resolve
from simpgan.pipelines.config.profiles import STAGES, read_profile
from simpgan.pipelines.config.profiles.settings import Profile
from simpgan.pipelines.requests.data_sets import names_of_sources, refuse_same_names
from simpgan.pipelines.requests.early_checks import foresee
from simpgan.pipelines.requests.retrain import Retraining
from simpgan.pipelines.requests.sweep import Plan, every_split, plan
from simpgan.pipelines.runner import runs

LONGEST_TITLE = 160
SETTINGS = "_settings"


@dataclass(frozen=True)
class Request:
    """A pipeline with all its arguments, ready to be sent.

    Attributes:
        title: what tells it apart from others of the same pipeline.
        notes: what a person should know, though it is no reason to refuse it.
        tags: what people search its run in MLflow by.
    """

    compiled: Compiled
    arguments: Mapping[str, Any]
    title: str
    notes: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


class Options(Settings):
    """The options of `simpgan run` that say what to do, under the names they have there."""

    preset: str | None = Field(None, description="name of a preset, or a YAML file")
    assignments: list[str] = Field([], alias="set", description="stage.setting=value")
    data_root: str = Field("", description="s3:// prefix, or folder in all pods; without, that of the profile")
    profile: str = Field("one-gpu", description="name of a profile of pods, or a YAML file")
    registry: str = Field("", description="where the cluster finds the images; without, what their lock says")

    def place(self, profile: Profile) -> str:
        """The data root.

        Raises:
            UserError: neither the options nor the profile name one, or the cluster cannot write there.
        """
        data_root = self.data_root or profile.data_root
        if not data_root:
            raise UserError("no place for images and checkpoints: give --data-root s3://BUCKET/PREFIX, or a profile's")
        check_data_root(data_root)
        return data_root

    def finished(
        self,
        graph: GraphComponent,
        profile: Profile,
        arguments: Mapping[str, Any],
        titles: Sequence[str],
        tags: Mapping[str, str],
        scheduled: bool,
    ) -> Request:
        """Compile the pipeline for the cluster and check the arguments against it."""
        images = Images.locked(self.registry)
        notes = notes_on(images)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pipeline.yaml"
            notes.extend(compile_for_cluster(graph, profile, images, str(path)))
            pipeline = read_compiled(path)
        pipeline = pipeline.named(f"simpgan-{pipeline.name}")
        pipeline = looking_at_data(pipeline) if scheduled else pipeline
        title = ", ".join(titles)[:LONGEST_TITLE]
        return Request(pipeline, pipeline.complete(arguments), title, tuple(notes), tags)

    def request(self, scheduled: bool = False) -> Request:
        """Check everything that can be checked from here, and compile the pipeline.

        Args:
            scheduled: it will run later and again, on what lies at its places then.

        Raises:
            UserError: something asked for cannot be.
        """
        raise NotImplementedError


class ExperimentOptions(Options):
    """Options of the pipelines that have sources and a target."""

    target: str = Field(description="data set to adapt to, grid:s3://bucket/prefix or likewise")
    target_name: str = Field("", description="what results call the target")
    method: str = Field("", description="methods, with commas")
    protocol: str = Field("", description="protocols of the target with folds, with commas")
    allow_shared_people: bool = Field(False, description="also where source and target show the same people")

    def settings(self, seed: int | None, source: ClusterDataSet, scheduled: bool) -> RunSettings:
        """The resolved settings of every stage, and in them what the weights file holds, where that can be seen.

        A schedule takes what the file will hold.

        Raises:
            UserError: an unknown preset or setting, or weights that are not there.
        """
        shared = SHARED_PEOPLE if self.allow_shared_people else ()
        settings = resolve(self.preset, [*self.assignments, *shared], seed, source.layout)
        check_weights(settings.pretrain.weights)
        seen = not scheduled and storage.exists(settings.pretrain.weights)
        return runs.with_content_of_weights(settings) if seen else settings


class AdaptOptions(ExperimentOptions):
    """Options of the pipeline `adapt`."""

    source: str = Field(description="labelled data set, market1501:s3://bucket/prefix or likewise")
    source_name: str = Field("", description="what results call the source")
    sweep: list[str] = Field([], description="train_gan.setting=value,value")
    seed: int | None = Field(None, ge=0, description="seed of every stage that has one")

    def request(self, scheduled: bool = False) -> Request:
        from simpgan.pipelines.graphs.adapt import adapt_pipeline

        source = cluster_data_set(self.source, "--source", self.source_name, scheduled=scheduled)
        target = cluster_data_set(self.target, "--target", self.target_name, scheduled=scheduled)
        settings = self.settings(self.seed, source, scheduled)
        runs.refuse_shared_people([source], target, settings)
        planned = plan(settings.train_gan, split(self.method), split(self.protocol), target, self.sweep)
        planned, left_out = foresee([source], target, settings, planned, scheduled=scheduled)
        profile = read_profile(self.profile)
        arguments = runs.adapt_arguments(source, target, settings, planned, self.place(profile))
        title = title_of("adapt", [source], target, settings, planned, [settings.train_gan.seed])
        titles = [title, *self.sweep, *self.assignments]
        tags = runs.tags_of([source], target, settings, planned)
        finished = self.finished(adapt_pipeline(planned.methods), profile, arguments, titles, tags, scheduled)
        return replace(finished, notes=(*left_out, *finished.notes))


class Table1Options(ExperimentOptions):
    """Options of the pipeline `table1`."""

    source: list[str] = Field(min_length=1, description="labelled data sets")
    source_name: list[str] = Field([], description="what results call the sources, in their order")
    method: str = Field(TABLE1_METHODS, description="methods, with commas")
    seed: list[int] = Field([], description="seeds")

    def request(self, scheduled: bool = False) -> Request:
        from simpgan.pipelines.graphs.table1 import table1_pipeline

        names = names_of_sources(self.source_name, self.source)
        sources = [
            cluster_data_set(text, "--source", name, scheduled=scheduled)
            for text, name in zip(self.source, names, strict=True)
        ]
        refuse_same_names(sources)
        target = cluster_data_set(self.target, "--target", self.target_name, scheduled=scheduled)
        seeds: Sequence[int | None] = list(dict.fromkeys(self.seed)) or [None]
        settings = [self.settings(seed, sources[0], scheduled) for seed in seeds]
        runs.refuse_shared_people(sources, target, settings[0])
        protocols = split(self.protocol) or every_split(target)
        planned = plan(settings[0].train_gan, split(self.method), protocols, target)
        planned, left_out = foresee(sources, target, settings[0], planned, needs_rows=True, scheduled=scheduled)
        profile = read_profile(self.profile)
        arguments = runs.table1_arguments(sources, target, settings, planned, self.place(profile))
        title = title_of("table1", sources, target, settings[0], planned, [each.train_gan.seed for each in settings])
        graph = table1_pipeline(planned.methods)
        tags = runs.tags_of(sources, target, settings[0], planned)
        finished = self.finished(graph, profile, arguments, [title, *self.assignments], tags, scheduled)
        return replace(finished, notes=(*left_out, *finished.notes))


class RetrainOptions(Options):
    """Options of the pipeline `retrain`."""

    location: str = Field(description="s3:// prefix, or folder in all pods, of camera images")
    model: str = Field(MODEL, description="name of the registered model")
    method: str = Field(RETRAIN_METHOD, description="by which the champion goes on; adabn trains nothing")
    threshold: int = Field(THRESHOLD, ge=1, description="new images that are worth a training")
    part_images: int = Field(PART_IMAGES, ge=1, description="files that one pod reads")
    seed: int | None = Field(None, ge=0, description="seed of every stage that has one")

    def request(self, scheduled: bool = False) -> Request:
        from simpgan.pipelines.graphs.retrain import retrain_pipeline

        check_images(self.location)
        asked = Retraining(self.location, self.model, self.method, self.threshold, self.part_images)
        settings = resolve(self.preset, self.assignments, self.seed, "cameras")
        profile = read_profile(self.profile)
        arguments = asked.arguments(settings, self.place(profile))
        tags = asked.tags(settings)
        title = f"retrain {self.model} on {tags['target']}, {self.method}, {settings.evaluate.preset or 'defaults'}"
        graph = retrain_pipeline(self.method)
        return self.finished(graph, profile, arguments, [title, *self.assignments], tags, scheduled)


PIPELINES: Mapping[str, type[Options]] = {
    "adapt": AdaptOptions,
    "table1": Table1Options,
    "retrain": RetrainOptions,
}
"""The pipelines that are submitted by their options; any other by its compiled file and its parameters."""


def as_read(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as they are recorded: settings, which travel as JSON, as what they say, by the stage's name."""
    return {
        name.removesuffix(SETTINGS): json.loads(value) if name.endswith(SETTINGS) else value
        for name, value in arguments.items()
    }


def looking_at_data(pipeline: Compiled) -> Compiled:
    """The pipeline as a schedule starts it: the cache would give it what its data was the first time."""
    return pipeline.without_cache(taking="fingerprint")


def notes_on(images: Images) -> list[str]:
    """What cannot be said of the images from here.

    Raises:
        UserError: their registry no longer has one of them.
    """
    try:
        missing = gone(images, STAGES)
    except UserError as error:
        return [f"images not looked at: {error}"]
    if missing:
        raise UserError(
            f"{images.registry} no longer has the locked images of {', '.join(missing)}: push and lock again"
        )
    return []


def file_request(file: Path, parameters: Mapping[str, Any], scheduled: bool = False) -> Request:
    """A pipeline that was compiled to a file, with its parameters by name.

    Raises:
        UserError: no pipeline, a wrong parameter, or a place of data that the cluster does not have.
    """
    pipeline = read_compiled(file)
    arguments = pipeline.complete(parameters)
    for name, value in arguments.items():
        if isinstance(value, str):
            check_parameter(name, value)
    return Request(looking_at_data(pipeline) if scheduled else pipeline, arguments, pipeline.name)


def title_of(
    pipeline: str,
    sources: Sequence[ClusterDataSet],
    target: ClusterDataSet,
    settings: RunSettings,
    planned: Plan,
    seeds: Sequence[int],
) -> str:
    """`adapt market1501 to grid, simpgan, folds10 x 10, paper, seed 0`."""
    folds: dict[str, set[int]] = {}
    for part in (*(each.split for each in planned.adaptations), *planned.counterparts, *planned.umdl):
        folds.setdefault(part.protocol, set()).add(part.fold)
    splits = [
        f"{protocol}:{','.join(map(str, sorted(some)))}" if len(some) < 4 else f"{protocol}, {len(some)} folds"
        for protocol, some in folds.items()
    ]
    names = " and ".join(source.name for source in sources)
    preset = settings.evaluate.preset or "defaults"
    seed = f"seed{'s' if len(seeds) > 1 else ''} {','.join(map(str, seeds))}"
    methods = "+".join(planned.methods) or "direct"
    return ", ".join([f"{pipeline} {names} to {target.name}", methods, *splits, preset, seed])
