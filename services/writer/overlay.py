"""Overlay: findings drawn onto their image, for viewers that show neither SEG nor maps."""

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from services.writer.scale_bar import draw_scale_bar
from shared.caption import GREY, Line, draw_caption
from shared.colour_bar import colour_bar, heat_colours
from shared.dicom.manifest import MANUFACTURER
from shared.dicom.pixels import MiddleFrame
from shared.dicom.spacing import SpacingMm
from shared.wording import amount, unit_in_words
from workers.contract import ModelSpec, Segment
from workers.findings import Findings, ParametricMap

Picture = npt.NDArray[np.uint8]

MIN_PANEL, MAX_PANEL = 512, 1280
"""Pixels of a panel's longer side: small images are enlarged until the legend is readable."""

_MAX_MAPS = 3
_GAP = 8
_FILL, _HEAT = 0.30, 0.45  # opacity


def render_overlay(
    findings: Findings,
    shown: MiddleFrame,
    spec: ModelSpec,
    spacing: SpacingMm | None = None,
) -> Picture:
    """Return the picture of ``findings``, (rows, columns, 3) uint8 RGB.

    One panel shows the segments, one each map (the first three), with the segments' contours.
    Below stand the legend, the numbers of the findings and "RESEARCH USE ONLY".

    Parameters
    ----------
    shown
        The frame of the source that is drawn on.
    spacing
        Of the source. Where it is calibrated, the first panel has a scale bar.
    """
    frame = shown.index
    base = _enlarged(_grey_or_colour(shown.pixels))
    segments = [one for one in spec.segments if one.number in findings.masks]
    panels = []
    if segments or not findings.maps:
        panels.append(_with_segments(base, findings, segments, frame, fill=True))
    for found in findings.maps[:_MAX_MAPS]:
        heated = _with_heat(base, found, frame)
        panels.append(_with_segments(heated, findings, segments, frame, fill=False))
    if spacing is not None and spacing.source == "calibrated":
        enlarged = base.shape[1] / shown.pixels.shape[1]
        panels[0] = draw_scale_bar(panels[0], spacing.column_mm / enlarged)
    heading = f", frame {frame + 1} of {shown.frames}" if shown.frames > 1 else ""
    lines = [
        Line(text=f"{MANUFACTURER} {spec.name} {spec.version}{heading}"),
        *_legend(findings, segments),
        *_numbers(findings, spec),
        Line(text=f"Trained on {spec.training_data}", colour=GREY),
    ]
    return draw_caption(_side_by_side(panels), lines)


def _grey_or_colour(frame: npt.NDArray[np.generic]) -> Picture:
    """Return ``frame`` as RGB; grayscale is stretched between its 1st and 99th percentile."""
    if frame.ndim == 3:
        return frame.astype(np.uint8)
    values = frame.astype(np.float32)
    low, high = np.percentile(values, (1, 99))
    grey = np.clip((values - low) / max(high - low, 1e-6), 0, 1) * 255
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)


def _enlarged(picture: Picture) -> Picture:
    longer = max(picture.shape[:2])
    factor = min(max(longer, MIN_PANEL), MAX_PANEL) / longer
    size = [max(1, round(side * factor)) for side in picture.shape[1::-1]]
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)


def _with_segments(
    base: Picture, findings: Findings, segments: list[Segment], frame: int, *, fill: bool
) -> Picture:
    picture = base.copy()
    rows, columns = base.shape[:2]
    for segment in segments:
        mask = findings.masks[segment.number][frame].astype(np.uint8)
        mask = np.asarray(cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_NEAREST))
        if fill:
            inside = mask.astype(np.bool_)
            tint = np.array(segment.colour, np.float32)
            blend = (1 - _FILL) * picture[inside] + _FILL * tint
            picture[inside] = blend.astype(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, contours, -1, segment.colour, 2)
    return picture


def _with_heat(base: Picture, found: ParametricMap, frame: int) -> Picture:
    """Blend ``found`` over ``base``; a map of one frame stands for all frames."""
    values = found.values[frame if frame < len(found.values) else 0]
    low, high = found.display_range
    level = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * 255
    rows, columns = base.shape[:2]
    sized = cv2.resize(level.astype(np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR)
    heat = heat_colours()[np.asarray(sized).astype(np.uint8)]
    return np.asarray((1 - _HEAT) * base + _HEAT * heat, np.uint8)


def _side_by_side(panels: list[Picture]) -> Picture:
    gap = np.zeros((panels[0].shape[0], _GAP, 3), np.uint8)
    row = [panels[0]]
    for panel in panels[1:]:
        row += [gap, panel]
    return np.concatenate(row, axis=1)


def _legend(findings: Findings, segments: list[Segment]) -> Iterator[Line]:
    for segment in segments:
        found = "" if findings.masks[segment.number].any() else " (not found)"
        yield Line(text=segment.label + found, swatch=segment.colour)
    for one in findings.maps[:_MAX_MAPS]:
        unit = unit_in_words(one.unit.value, one.unit.meaning)
        bar = colour_bar(*one.display_range, highest=float(one.values.max()))
        yield Line(text=f"{one.name}, {unit}" if unit else one.name, bar=bar)


def _numbers(findings: Findings, spec: ModelSpec) -> Iterator[Line]:
    labels = {one.number: one.label for one in spec.segments}
    if not findings.eligible:
        yield Line(text=f"Not analysed: {findings.reason}")
    for answer in findings.assessments:
        yield Line(text=f"{answer.question.meaning}: {answer.answer.meaning}")
    for one in findings.measurements:
        what = one.quantity.meaning
        if one.segment_number is not None:
            what = f"{labels.get(one.segment_number, '?')}, {what[0].lower()}{what[1:]}"
        how = [code.meaning.lower() for code in (one.derivation, one.method) if code is not None]
        more = ", ".join(word for word in how if word not in what.lower())
        if more:
            what += f" ({more})"
        yield Line(text=f"{what}: {amount(one.value, one.unit.value, one.unit.meaning)}")
