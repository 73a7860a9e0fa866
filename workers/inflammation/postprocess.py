"""Postprocess: from a score at every pixel to grade, mask and coded measurements."""

import math

import numpy as np
import numpy.typing as npt

from shared.dicom import codes
from workers.contract import PixelSpacing
from workers.findings import Measurement, ParametricMap
from workers.inflammation.network import GRADES

INFLAMED = 1
"""Number of the segment."""

INFLAMED_FROM = 2.0
"""Score from which a pixel counts as inflamed."""

Scores = npt.NDArray[np.float32]


def score_map(scores: Scores) -> ParametricMap:
    """Return ``scores`` (frames, rows, columns) as a parametric map."""
    return ParametricMap(
        name="Inflammation score",
        quantity=codes.INFLAMMATION_SCORE,
        unit=codes.SCORE,
        values=scores,
        display_range=(0.0, float(GRADES - 1)),
    )


def inflamed_mask(scores: Scores) -> npt.NDArray[np.bool_]:
    """Return where ``scores`` reach the score that counts as inflamed."""
    return np.asarray(scores >= INFLAMED_FROM, dtype=np.bool_)


def grade_of(score: float) -> int:
    """Return the grade nearest to ``score``, halves upwards, within 0..4."""
    return min(max(math.floor(score + 0.5), 0), GRADES - 1)


def measurements(
    scores: Scores, spacing: PixelSpacing | None, *, score: float
) -> tuple[Measurement, ...]:
    """Return score and grade of the whole image, and how much of it is inflamed.

    ``score`` is that of the whole, which the grade follows; ``scores`` (frames, rows, columns)
    those at every pixel. The area, in square millimetres, is given only
    with a pixel spacing; over several frames it is the mean area of a frame.
    """
    share = float(inflamed_mask(scores).mean())
    found = [
        Measurement(
            quantity=codes.INFLAMMATION_GRADE, value=float(grade_of(score)), unit=codes.SCORE
        ),
        Measurement(
            quantity=codes.INFLAMMATION_SCORE,
            value=score,
            unit=codes.SCORE,
            derivation=codes.MEAN,
        ),
        Measurement(
            quantity=codes.AREA_FRACTION,
            value=100 * share,
            unit=codes.PERCENT,
            segment_number=INFLAMED,
        ),
    ]
    if spacing is not None:
        frames, rows, columns = scores.shape
        found.append(
            Measurement(
                quantity=codes.AREA,
                value=share * rows * columns * spacing.row_mm * spacing.column_mm,
                unit=codes.SQUARE_MILLIMETRE,
                segment_number=INFLAMED,
                derivation=codes.MEAN if frames > 1 else None,
            )
        )
    return tuple(found)
