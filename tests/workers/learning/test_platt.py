import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from workers.learning.platt import calibration_error, fit_scale, fit_temperature, rescale


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-logits)))


def _overconfident(
    *, factor: float, offset: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return logits ``factor`` times too large and off by ``offset``, and what was true."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, 20_000)
    truth = rng.random(20_000) < _sigmoid(logits)
    return logits * factor + offset, truth


def test_the_scale_undoes_what_made_the_logits_too_sure() -> None:
    logits, truth = _overconfident(factor=4.0, offset=2.0)

    slope, offset = fit_scale(logits, truth)

    assert np.isclose(slope, 1 / 4, rtol=0.05)
    assert np.isclose(offset, -2 / 4, atol=0.05)


def test_a_few_enormous_logits_do_not_decide_the_scale() -> None:
    logits, truth = _overconfident(factor=2.0, offset=0.0)
    wrong = np.flatnonzero(truth)[:40]
    logits[wrong] = -200.0

    slope, _ = fit_scale(logits, truth)

    assert np.isclose(slope, 1 / 2, rtol=0.15)


def test_calibrated_probabilities_are_as_often_right_as_they_say() -> None:
    logits, truth = _overconfident(factor=4.0, offset=2.0)
    slope, offset = fit_scale(logits, truth)

    assert calibration_error(_sigmoid(logits), truth) > 0.15
    assert calibration_error(_sigmoid(slope * logits + offset), truth) < 0.02


def test_the_temperature_undoes_what_made_several_classes_too_sure() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1.5, (20_000, 4))
    chosen = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)  # drawn by their softmax

    assert np.isclose(fit_temperature(3 * logits, np.eye(4)[chosen]), 3, rtol=0.05)


def test_a_rescaled_head_gives_the_scaled_logits() -> None:
    features = torch.randn(2, 4, 5, 5)
    head = nn.Conv2d(4, 2, 1)
    before = head(features).detach()

    rescale(head, [(0.5, 1.0), (2.0, -3.0)])

    torch.testing.assert_close(head(features)[:, 0], before[:, 0] * 0.5 + 1.0)
    torch.testing.assert_close(head(features)[:, 1], before[:, 1] * 2.0 - 3.0)
