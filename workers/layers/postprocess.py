"""Postprocess: from layer probabilities to masks, entropy and coded measurements."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from pydicom.sr.coding import Code

from shared.dicom import codes
from workers.contract import PixelSpacing
from workers.findings import Measurement
from workers.layers.boundaries import (
    Boundaries,
    Floats,
    Protrusion,
    normal_thickness,
    per_micrometre,
    protrusions,
    undulation,
)

CORNEUM, EPIDERMIS = 1, 2

_BAND_UM = 25.0
_BAND_PIXELS = 25
_LEAST_SEEN = 0.5
"""Share of the columns that must show all boundaries side by side before anything is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMeasures:
    """What one frame contributes: thickness at each point, and the junction's relief.

    Thicknesses in um along the normal, or in pixels straight down when the frame has no spacing;
    then ``undulation`` is NaN and ``protrusions`` are not looked for.
    """

    corneum_thickness: Floats
    epidermis_thickness: Floats
    undulation: float
    protrusions: tuple[Protrusion, ...]
    band_entropy: float


def entropy(probability: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the predictive entropy of (4, rows, columns), as a share of its maximum: 0..1."""
    safe = np.maximum(probability, 1e-7)
    nats = -(safe * np.log(safe)).sum(axis=0)
    share = nats / math.log(len(probability))
    return np.asarray(np.clip(share, 0, 1), dtype=np.float32)


def measure_frame(
    found: Boundaries, uncertainty: npt.NDArray[np.float32], spacing: PixelSpacing | None
) -> FrameMeasures | None:
    """Measure one frame, or return ``None`` when too few columns show every boundary."""
    run = _longest_run(found.seen)
    if run.stop - run.start < max(2, _LEAST_SEEN * len(found.seen)):
        return None
    surface, corneum_bottom, junction = (
        line[run] for line in (found.surface, found.corneum_bottom, found.junction)
    )
    band = _BAND_PIXELS if spacing is None else _BAND_UM / (spacing.row_mm * 1000)
    band_entropy = _band_mean(uncertainty[:, run], junction, band)
    if spacing is None:
        return FrameMeasures(
            corneum_thickness=corneum_bottom - surface,
            epidermis_thickness=junction - corneum_bottom,
            undulation=math.nan,
            protrusions=(),
            band_entropy=band_entropy,
        )
    surface, corneum_bottom, junction = (
        per_micrometre(line, spacing.row_mm * 1000, spacing.column_mm * 1000)
        for line in (surface, corneum_bottom, junction)
    )
    return FrameMeasures(
        corneum_thickness=_numbers(normal_thickness(surface, corneum_bottom)),
        epidermis_thickness=_numbers(normal_thickness(corneum_bottom, junction)),
        undulation=undulation(junction),
        protrusions=tuple(
            replace(bud, column=bud.column + run.start * spacing.column_mm * 1000)
            for bud in protrusions(junction)
        ),
        band_entropy=band_entropy,
    )


def measurements(
    frames: Sequence[FrameMeasures], spacing: PixelSpacing | None
) -> tuple[Measurement, ...]:
    """Return the coded numbers of one image from its measured frames.

    Thickness: mean and SD over all points of all frames. Undulation, protrusion count and
    entropy: mean over frames. Protrusion depth: the deepest of all.
    """
    if not frames:
        return ()
    unit = codes.PIXELS if spacing is None else codes.MICROMETRE
    found = [
        *_thickness(np.concatenate([one.corneum_thickness for one in frames]), CORNEUM, unit),
        *_thickness(np.concatenate([one.epidermis_thickness for one in frames]), EPIDERMIS, unit),
        _mean(codes.PREDICTIVE_ENTROPY, [one.band_entropy for one in frames], codes.RATIO),
    ]
    if spacing is not None:
        found.append(_mean(codes.DEJ_UNDULATION, [one.undulation for one in frames], codes.RATIO))
        counts = [float(len(one.protrusions)) for one in frames]
        found.append(_mean(codes.PROTRUSION_COUNT, counts, codes.COUNT))
        depths = [bud.depth for one in frames for bud in one.protrusions]
        if depths:
            found.append(
                Measurement(
                    quantity=codes.PROTRUSION_DEPTH,
                    value=max(depths),
                    unit=codes.MICROMETRE,
                    segment_number=EPIDERMIS,
                    derivation=codes.MAXIMUM,
                )
            )
    return tuple(found)


def _thickness(values: Floats, segment_number: int, unit: Code) -> list[Measurement]:
    if not len(values):
        return []
    return [
        Measurement(
            quantity=codes.LAYER_THICKNESS,
            value=float(value),
            unit=unit,
            segment_number=segment_number,
            derivation=derivation,
        )
        for value, derivation in (
            (values.mean(), codes.MEAN),
            (values.std(), codes.STANDARD_DEVIATION),
        )
    ]


def _mean(quantity: Code, values: list[float], unit: Code) -> Measurement:
    return Measurement(
        quantity=quantity, value=float(np.mean(values)), unit=unit, derivation=codes.MEAN
    )


def _band_mean(uncertainty: npt.NDArray[np.float32], junction: Floats, half: float) -> float:
    row = np.arange(uncertainty.shape[0])[:, None]
    return float(uncertainty[np.abs(row - junction) <= half].mean())


def _longest_run(seen: npt.NDArray[np.bool_]) -> slice:
    """Return the longest stretch of columns that are all true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(np.int8)))
    if not len(edges):
        return slice(0, 0)
    starts, stops = edges[::2], edges[1::2]
    longest = (stops - starts).argmax()
    return slice(int(starts[longest]), int(stops[longest]))


def _numbers(values: Floats) -> Floats:
    return values[np.isfinite(values)]
