"""The options of each pipeline, which its commands share: `simpgan run` and `simpgan submit`."""

from typing import TYPE_CHECKING, Annotated

import typer

from simpgan.pipelines.cli.locations import a_place
from simpgan.pipelines.cli.options import (
    CombineOption,
    MethodOption,
    ModelOption,
    PartImagesOption,
    PresetOption,
    ProtocolOption,
    RetrainMethodOption,
    SeedOption,
    SeedsOption,
    SetOption,
    SharedPeopleOption,
    SourceNamesOption,
    SourcesOption,
    SweepOption,
    Table1MethodOption,
    TargetDataOption,
    TargetNameOption,
    ThresholdOption,
)
from simpgan.pipelines.config.defaults import MODEL, PART_IMAGES, RETRAIN_METHOD, TABLE1_METHODS, THRESHOLD

if TYPE_CHECKING:
    from simpgan.pipelines.requests.adapt import AdaptRequest
    from simpgan.pipelines.requests.retrain import RetrainRequest
    from simpgan.pipelines.requests.table1 import Table1Request


def adapt_request(
    source: SourcesOption,
    target: TargetDataOption,
    source_name: SourceNamesOption = None,
    combine: CombineOption = None,
    target_name: TargetNameOption = "",
    method: MethodOption = "",
    protocol: ProtocolOption = "",
    sweep: SweepOption = None,
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedOption = None,
    allow_shared_people: SharedPeopleOption = False,
) -> "AdaptRequest":
    """Return the request of `adapt`."""
    from simpgan.pipelines.requests.adapt import AdaptRequest

    return AdaptRequest(
        source=source,
        source_name=source_name or [],
        combine=combine,
        target=target,
        target_name=target_name,
        method=method,
        protocol=protocol,
        sweep=sweep or [],
        preset=preset,
        set=assignments or [],
        seed=seed,
        allow_shared_people=allow_shared_people,
    )


def table1_request(
    source: SourcesOption,
    target: TargetDataOption,
    source_name: SourceNamesOption = None,
    combine: CombineOption = None,
    target_name: TargetNameOption = "",
    method: Table1MethodOption = TABLE1_METHODS,
    protocol: ProtocolOption = "",
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedsOption = None,
    allow_shared_people: SharedPeopleOption = False,
) -> "Table1Request":
    """Return the request of `table1`."""
    from simpgan.pipelines.requests.table1 import Table1Request

    return Table1Request(
        source=source,
        source_name=source_name or [],
        combine=combine,
        target=target,
        target_name=target_name,
        method=method,
        protocol=protocol,
        preset=preset,
        set=assignments or [],
        seed=seed or [],
        allow_shared_people=allow_shared_people,
    )


def retrain_request(
    location: Annotated[
        str, typer.Argument(callback=a_place, help="Folder or s3:// prefix with one folder of images per camera.")
    ],
    model: ModelOption = MODEL,
    method: RetrainMethodOption = RETRAIN_METHOD,
    threshold: ThresholdOption = THRESHOLD,
    part_images: PartImagesOption = PART_IMAGES,
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedOption = None,
) -> "RetrainRequest":
    """Return the request of `retrain`."""
    from simpgan.pipelines.requests.retrain import RetrainRequest

    return RetrainRequest(
        location=location,
        model=model,
        method=method,
        threshold=threshold,
        part_images=part_images,
        preset=preset,
        set=assignments or [],
        seed=seed,
    )
