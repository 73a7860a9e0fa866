"""Agreement: by how much a measurement differs from the truth."""

import numpy as np
import numpy.typing as npt


def bland_altman(found: npt.ArrayLike, true: npt.ArrayLike) -> tuple[float, float]:
    """Return the mean of ``found`` minus ``true``, and 1.96 standard deviations around it.

    Both are (cases,), in one unit, which is that of the answer: bias and limits of agreement
    (Bland and Altman, Lancet 1986;1:307). NaN where there is no case.
    """
    apart = np.asarray(found, np.float64) - np.asarray(true, np.float64)
    if not apart.size:
        return float("nan"), float("nan")
    return float(apart.mean()), float(1.96 * apart.std())
