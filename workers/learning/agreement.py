"""Agreement: by how much a measurement or a mask differs from the truth."""

import numpy as np
import numpy.typing as npt


def bland_altman(found: npt.ArrayLike, true: npt.ArrayLike) -> tuple[float, float]:
    """Return the mean of ``found`` minus ``true``, and 1.96 sample standard deviations of it.

    Both are (cases,), in one unit, which is that of the answer: bias and limits of agreement
    (Bland and Altman, Lancet 1986;1:307). NaN where there are fewer than two cases.
    """
    apart = np.asarray(found, np.float64) - np.asarray(true, np.float64)
    if apart.size < 2:
        return float("nan"), float("nan")
    return float(apart.mean()), float(1.96 * apart.std(ddof=1))


def dice(found: npt.NDArray[np.bool_], true: npt.NDArray[np.bool_]) -> float:
    """Return 2|A∩B| / (|A|+|B|) of two masks of one shape; 1 when both are empty."""
    total = int(found.sum()) + int(true.sum())
    return 2 * int((found & true).sum()) / total if total else 1.0
