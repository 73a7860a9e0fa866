import numpy as np
import pytest

from workers.perfusion.contrast import WINDOW, flow, is_static, missed_variance, temporal_contrast
from workers.perfusion.speckle import EXPOSURES_PER_UNIT, contrast, exact_frame, raw_frames


@pytest.mark.parametrize("x", [0.2, 1.0, 5.0, 20.0])
def test_simulated_speckle_obeys_the_contrast_law(x: float) -> None:
    steps = max(32, int(6 * x))

    frame = exact_frame(np.random.default_rng(0), 192, x, steps=steps)

    assert frame.std() == pytest.approx(float(contrast(np.array(x))), rel=0.03)


def test_the_contrast_law_has_its_known_limits() -> None:
    assert float(contrast(np.array(1e-4))) == pytest.approx(1.0, abs=1e-3)
    assert float(contrast(np.array(1e4))) == pytest.approx(1e-2, rel=1e-3)  # K² → 1/x
    assert float(contrast(np.array(3.0), beta=0.25)) == pytest.approx(
        0.5 * float(contrast(np.array(3.0)))
    )


@pytest.mark.parametrize("perfusion", [25.0, 60.0, 150.0])
@pytest.mark.parametrize("speckle", [2.0, 3.0])
def test_the_estimated_contrast_is_the_true_one(perfusion: float, speckle: float) -> None:
    field = np.full((160, 160), perfusion, np.float32)
    frames = raw_frames(3, field, speckle=speckle)

    found = flow(frames).contrast[8:-8, 8:-8]

    truth = contrast(field * EXPOSURES_PER_UNIT, 0.5)
    assert np.sqrt((found**2).mean()) == pytest.approx(float(truth[0, 0]), rel=0.03)


def test_relative_flow_is_recovered() -> None:
    perfusion = np.full((128, 256), 50.0, np.float32)
    perfusion[:, 128:] = 125.0

    index = flow(raw_frames(1, perfusion)).index

    ratio = index[:, 140:].mean() / index[:, :116].mean()
    law = contrast(np.array([10.0, 25.0])) ** 2  # x of 50 and of 125
    assert ratio == pytest.approx(float(law[0] / law[1]), rel=0.05)


def test_larger_speckles_hide_more_variance_from_a_window() -> None:
    field = np.full((128, 128), 60.0, np.float32)

    fine, coarse = (missed_variance(raw_frames(1, field, speckle=one)) for one in (2.0, 3.0))

    assert 1 / WINDOW**2 < fine < coarse < 0.3


def test_white_noise_hides_one_pixel_in_forty_nine() -> None:
    frames = np.random.default_rng(0).normal(100, 10, (12, 128, 128)).astype(np.float32)

    assert missed_variance(frames) == pytest.approx(1 / 49, rel=0.1)


def test_a_repeated_picture_is_static_and_speckle_is_not() -> None:
    frames = raw_frames(1, np.full((64, 64), 60.0, np.float32))

    assert is_static(np.repeat(frames[:1], 8, axis=0))
    assert not is_static(frames)
    assert float(np.median(temporal_contrast(frames))) == pytest.approx(0.2, abs=0.05)
