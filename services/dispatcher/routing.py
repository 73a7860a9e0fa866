"""Routing: which model reads which series. Pure: manifest, catalogue and rules → decisions.

Our own results never trigger us: the loop guard is the first line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydicom.uid import UID

from services.dispatcher.rules import SiteRules
from shared.dicom.manifest import InstanceManifest, SeriesManifest, StudyManifest
from workers.contract import Acceptance, ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided about one series: a model, or ``None`` with the reason."""

    series_instance_uid: str
    model: str | None
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """One model and the instances it should read, over all series of the study."""

    model: str
    sop_instance_uids: tuple[str, ...]
    scales: dict[str, float] = field(default_factory=dict)  # of some of them, by site rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Decisions for every series, and the jobs that follow."""

    decisions: tuple[Decision, ...]
    jobs: tuple[PlannedJob, ...]


def route(study: StudyManifest, catalogue: Mapping[str, ModelSpec], rules: SiteRules) -> Routing:
    """Decide for every series of ``study`` which models read it, or why none does."""
    decisions: list[Decision] = []
    chosen: dict[str, list[str]] = {}
    for series in study.series:
        foreign = tuple(one for one in series.instances if not one.is_own_result)
        if not foreign:
            decisions.append(_none(series, "own-result", "Cutis wrote this series itself"))
            continue
        accepted = _accepted(foreign, study.calling_ae_titles, catalogue, rules)
        for model, reason, instances in accepted:
            decisions.append(
                Decision(
                    series_instance_uid=series.series_instance_uid,
                    model=model,
                    code="accepted",
                    reason=f"{reason} ({len(instances)} of {len(series.instances)} instances)",
                )
            )
            chosen.setdefault(model, []).extend(one.sop_instance_uid for one in instances)
        if not accepted:
            decisions.append(_none(series, *_why_not(foreign, catalogue)))
    scales = _scales(study, rules)
    jobs = tuple(
        PlannedJob(
            model=model,
            sop_instance_uids=tuple(uids),
            scales={uid: scales[uid] for uid in uids if uid in scales},
        )
        for model, uids in sorted(chosen.items())
    )
    return Routing(decisions=tuple(decisions), jobs=jobs)


def _scales(study: StudyManifest, rules: SiteRules) -> dict[str, float]:
    return {
        one.sop_instance_uid: scale
        for series in study.series
        for one in series.instances
        if (scale := rules.scale_of(one, study.calling_ae_titles)) is not None
    }


_Accepted = list[tuple[str, str, tuple[InstanceManifest, ...]]]


def _accepted(
    instances: tuple[InstanceManifest, ...],
    calling_ae_titles: frozenset[str],
    catalogue: Mapping[str, ModelSpec],
    rules: SiteRules,
) -> _Accepted:
    for rule in rules.rules:
        if rule.when.matches(instances[0], calling_ae_titles):
            images = tuple(one for one in instances if one.rows > 0)
            reason = f"site rule: {rule.name}"
            return [(model, reason, images) for model in rule.models if images]
    found = []
    for name, spec in sorted(catalogue.items()):
        reasons = {
            one.sop_instance_uid: acceptance.reason
            for acceptance in reversed(spec.accepts)
            for one in instances
            if accepts(acceptance, one)
        }
        if reasons:
            matching = tuple(one for one in instances if one.sop_instance_uid in reasons)
            found.append((name, "; ".join(sorted(set(reasons.values()))), matching))
    return found


def accepts(acceptance: Acceptance, instance: InstanceManifest) -> bool:
    """Say whether an instance meets every condition of ``acceptance``."""
    return (
        instance.rows > 0
        and _among(instance.sop_class_uid, acceptance.sop_class_uids)
        and _among(instance.modality, acceptance.modalities)
        and acceptance.samples_per_pixel in (None, _samples(instance))
        and instance.number_of_frames >= acceptance.min_frames
        and (acceptance.max_frames is None or instance.number_of_frames <= acceptance.max_frames)
        and (acceptance.text is None or acceptance.text.search(_text(instance)) is not None)
        and (acceptance.not_text is None or acceptance.not_text.search(_text(instance)) is None)
    )


def _samples(instance: InstanceManifest) -> int:
    """Return the samples of a decoded pixel: a palette's one number stands for a colour."""
    if instance.photometric_interpretation == "PALETTE COLOR":
        return 3
    return instance.samples_per_pixel


def _among(value: str, allowed: frozenset[str]) -> bool:
    return not allowed or value in allowed


def _text(instance: InstanceManifest) -> str:
    return "\n".join(
        (
            instance.manufacturer,
            instance.manufacturer_model_name,
            instance.series_description,
            instance.study_description,
            instance.protocol_name,
            instance.body_part_examined,
        )
    )


def _none(series: SeriesManifest, code: str, reason: str) -> Decision:
    return Decision(
        series_instance_uid=series.series_instance_uid, model=None, code=code, reason=reason
    )


def _why_not(
    instances: tuple[InstanceManifest, ...], catalogue: Mapping[str, ModelSpec]
) -> tuple[str, str]:
    """Return code and reason of a series that no model reads."""
    first = instances[0]
    if first.rows == 0:
        return "not-applicable", f"{UID(first.sop_class_uid).name} holds no image"
    for _, spec in sorted(catalogue.items()):
        for declined in spec.declines:
            if any(accepts(declined, one) for one in instances):
                return "not-eligible", declined.reason
    colour = {1: "grayscale", 3: "colour"}.get(_samples(first), "unknown colour")
    return "not-applicable", (
        f"no model reads {UID(first.sop_class_uid).name}, modality {first.modality or 'none'}, "
        f"{colour}, {first.number_of_frames} frame(s)"
    )
