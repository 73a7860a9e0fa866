import numpy as np
import pytest

from workers.inflammation.evaluate import quadratic_kappa


def test_kappa_is_that_of_the_table_of_weights() -> None:
    # Two raters, grades 0 to 2: 1 - sum(w * observed) / sum(w * expected by chance).
    true = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    found = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2, 0])
    weights = np.subtract.outer(np.arange(3), np.arange(3)) ** 2
    observed = np.zeros((3, 3))
    np.add.at(observed, (true, found), 1)
    chance = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / len(true)

    kappa = 1 - (weights * observed).sum() / (weights * chance).sum()

    assert quadratic_kappa(found, true) == pytest.approx(kappa)
    assert quadratic_kappa(true, true) == 1
    assert quadratic_kappa(np.ones(3, int), np.ones(3, int)) == 1
