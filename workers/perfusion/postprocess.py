"""Postprocessing: regions, statistics in them, and how prediction and measurement agree."""

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
from pydicom.sr.coding import Code

from shared.dicom import codes
from workers.findings import Map, Mask, Measurement, ParametricMap

REFERENCE_PERFUSION = 60.0
"""The network predicts the logarithm of perfusion over this: about that of healthy skin."""

_RING_INNER, _RING_OUTER = 0.03, 0.15
"""Where the surroundings are: so far from the region, in shares of the image's long side."""

_SURE = 0.85
"""A part of the keloid is believed when its mean probability is above this. On phantoms without a
keloid the network still guesses parts, but with less conviction. Chosen on subjects 2000000 to
2000049, which are neither trained nor tested on."""

_SMALLEST_SHARE = 0.001
_LARGEST_SHARE = 0.6
_SMALLEST_RATIO = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Statistics of a perfusion map in a region: its mean, and that over the surroundings' mean."""

    mean: float
    ratio: float
    share: float


def region_of(perfusion: Map, mask: Mask) -> Region:
    """Return the statistics of ``perfusion`` in ``mask``, both (rows, columns), mask not empty."""
    around = surroundings(mask)
    mean = float(perfusion[mask].mean())
    outside = float(perfusion[around].mean()) if around.any() else float("nan")
    return Region(mean=mean, ratio=mean / max(outside, 1e-6), share=float(mask.mean()))


def surroundings(mask: Mask) -> Mask:
    """Return a ring around ``mask``: near enough for the same light, off the border itself."""
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    long_side = max(mask.shape)
    ring = (away > _RING_INNER * long_side) & (away <= _RING_OUTER * long_side)
    return np.asarray(ring if ring.any() else ~mask, np.bool_)


def hyperperfused(perfusion: Map) -> Mask:
    """Return the region that stands out of a measured map (rows, columns); empty when none does.

    Otsu's threshold on the smoothed logarithm; accepted when the medians on both sides differ by
    25 % and the region is neither a speck nor most of the image.
    """
    blur = max(1.0, 0.012 * max(perfusion.shape))
    floor = max(float(perfusion.max()) * 1e-3, 1e-6)
    smooth = cv2.GaussianBlur(np.log(np.maximum(perfusion, floor)).astype(np.float32), (0, 0), blur)
    low, high = (float(one) for one in np.quantile(smooth, (0.001, 0.999)))
    levels = np.clip((smooth - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    cut, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    found = without_specks(levels > cut)
    none = np.zeros(perfusion.shape, np.bool_)
    if not _SMALLEST_SHARE < float(found.mean()) < _LARGEST_SHARE:
        return none
    ratio = float(np.exp(np.median(smooth[found]) - np.median(smooth[~found])))
    return found if ratio >= _SMALLEST_RATIO else none


def keloid_from(probability: Map) -> Mask:
    """Return the keloid in a probability map (rows, columns): the parts the network is sure of."""
    mask = without_specks(np.asarray(probability > 0.5, np.bool_))
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    sizes = np.maximum(np.bincount(labels.ravel(), minlength=count), 1)
    means = np.bincount(labels.ravel(), weights=probability.ravel(), minlength=count) / sizes
    means[0] = 0.0
    return np.asarray((means > _SURE)[labels], np.bool_)


def without_specks(mask: Mask) -> Mask:
    """Return ``mask`` without parts smaller than a thousandth of the image."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    kept = np.zeros(count, np.bool_)
    kept[1:] = stats[1:, cv2.CC_STAT_AREA] >= max(4, round(_SMALLEST_SHARE * mask.size))
    return np.asarray(kept[labels], np.bool_)


def agreement(predicted: Map, measured: Map, keloid: Mask) -> float | None:
    """Return Pearson's r of the logarithms in ``keloid``, or ``None`` where it means nothing.

    ``measured`` is resized to the photo; nothing else registers the two. ``None`` when the
    proportions differ by more than 2 % or the keloid is tiny or flat.
    """
    rows, columns = predicted.shape
    proportion = measured.shape[1] * rows / (measured.shape[0] * columns)
    if abs(proportion - 1) > 0.02 or int(keloid.sum()) < 50:
        return None
    same_size = cv2.resize(measured, (columns, rows), interpolation=cv2.INTER_AREA)
    first = np.log(np.maximum(predicted[keloid], 1e-6))
    second = np.log(np.maximum(same_size[keloid], 1e-6))
    if min(float(first.std()), float(second.std())) < 1e-6:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def region_measurements(
    region: Region, segment_number: int, method: Code
) -> tuple[Measurement, ...]:
    """Return mean perfusion, ratio to the surroundings and share of the image, coded.

    ``method`` says how the perfusion was come by: a prediction is no measurement.
    """
    measured = partial(Measurement, segment_number=segment_number)
    found = [
        measured(
            quantity=codes.PERFUSION,
            value=region.mean,
            unit=codes.PERFUSION_UNIT,
            derivation=codes.MEAN,
            method=method,
        )
    ]
    if np.isfinite(region.ratio):
        ratio, unit = codes.PERFUSION_RATIO, codes.RATIO
        found.append(measured(quantity=ratio, value=region.ratio, unit=unit, method=method))
    share = 100 * region.share
    found.append(measured(quantity=codes.AREA_FRACTION, value=share, unit=codes.PERCENT))
    return tuple(found)


def perfusion_map(name: str, values: npt.NDArray[np.float32], method: Code) -> ParametricMap:
    """Return ``values`` (rows, columns) as a map of one frame in arbitrary units.

    ``method`` is as of :func:`region_measurements`.
    """
    high = float(np.quantile(values, 0.995))
    return ParametricMap(
        name=name,
        quantity=codes.PERFUSION,
        unit=codes.PERFUSION_UNIT,
        values=np.asarray(values, np.float32)[None],
        display_range=(0.0, max(high, 1e-3)),
        method=method,
    )
