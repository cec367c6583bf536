"""Make a version the champion: run the gate again with the stored results, and keep the verdict."""

from pathlib import Path
from tempfile import TemporaryDirectory

from simpgan.components.core.errors import UserError
from simpgan.components.core.process import provenance
from simpgan.components.core.registry.description import Description
from simpgan.components.core.registry.gate import GateSettings, MeasuredAdaptation, Verdict, comparable, judge
from simpgan.components.core.registry.model_registry import CHAMPION, ModelRegistry, RegisteredVersion

PASSED, REFUSED = "passed", "refused"
VERDICT_TAG = "simpgan.verdict"
REASON_TAG = "simpgan.verdict.reason"
AGAINST_TAG = "simpgan.verdict.against"
PROMOTED_TAG = "simpgan.promoted"
OVERRULED_TAG = "simpgan.overruled"


def promote(
    registry: ModelRegistry, which: str, settings: GateSettings, overruled: str = ""
) -> tuple[RegisteredVersion, Verdict]:
    """Make a version the champion if the gate passes it.

    If champion and candidate were registered with evaluations on different images, the verdict at the time of the
    proposal counts, as long as the champion is the same.

    Args:
        registry: registry of the model.
        which: number or alias of the version.
        settings: settings of the gate.
        overruled: a person's reason to overrule the gate, kept with the version; empty: the gate decides.

    Returns:
        the version with its new aliases, and the verdict.

    Raises:
        UserError: there is no such version, it is the champion already, or the gate refuses it.
    """
    version, champion = registry.version(which), registry.find(CHAMPION)
    if champion and champion.number == version.number:
        raise UserError(f"{version} is the champion already")
    verdict = verdict_now(registry, version, champion, settings)
    if not verdict.passed and not overruled:
        raise UserError(
            f"{version} is not promoted: {'; '.join(verdict.reasons)}. (--force REASON overrules the gate.)"
        )
    record_verdict(registry, version, verdict, champion)
    overruling = {OVERRULED_TAG: overruled} if not verdict.passed else {}
    registry.set_tags(version, {PROMOTED_TAG: provenance.today(), **overruling})
    registry.promote(version)
    return registry.version(version.number), verdict


def verdict_now(
    registry: ModelRegistry, version: RegisteredVersion, champion: RegisteredVersion | None, settings: GateSettings
) -> Verdict:
    """Return the gate's verdict on a registered version and the present champion."""
    candidate = measured(registry, version)
    if champion is None:
        return judge(candidate, None, settings)
    defender = measured(registry, champion)
    against = version.tags.get(AGAINST_TAG)
    if candidate.evaluated and not comparable(candidate, defender) and against == str(champion.number):
        return Verdict(passed=version.tags.get(VERDICT_TAG) == PASSED, reasons=[version.tags[REASON_TAG]])
    return judge(candidate, defender, settings)


def measured(registry: ModelRegistry, version: RegisteredVersion) -> MeasuredAdaptation:
    """Fetch the evaluation that was registered with a version."""
    with TemporaryDirectory() as place:
        return stored_evaluation(Path(place), registry.fetch_evaluation(version, Path(place)))


def stored_evaluation(folder: Path, description: Description) -> MeasuredAdaptation:
    """Read the evaluation in an adaptation's folder."""
    return MeasuredAdaptation.read(folder / "evaluation", description)


def record_verdict(
    registry: ModelRegistry, version: RegisteredVersion, verdict: Verdict, champion: RegisteredVersion | None
) -> None:
    """Store a verdict with its version, as tags that MLflow shows."""
    registry.set_tags(
        version,
        {
            VERDICT_TAG: PASSED if verdict.passed else REFUSED,
            REASON_TAG: "; ".join(verdict.reasons),
            AGAINST_TAG: str(champion.number) if champion else "no champion",
        },
    )
