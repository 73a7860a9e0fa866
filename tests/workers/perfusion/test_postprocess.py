import numpy as np
import pytest

from shared.dicom import codes
from workers.perfusion.postprocess import (
    agreement,
    hyperperfused,
    keloid_from,
    perfusion_map,
    region_measurements,
    region_of,
    surroundings,
)


def _disc(
    rows: int, columns: int, radius: float
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    down, across = np.mgrid[0:rows, 0:columns]
    return np.asarray(np.hypot(down - rows / 2, across - columns / 2) < radius, np.bool_)


def test_a_region_is_compared_with_the_skin_next_to_it() -> None:
    mask = _disc(200, 200, 30)
    perfusion = np.where(mask, 120.0, 60.0).astype(np.float32)
    perfusion[:10] = 1000.0  # far away: must not count

    region = region_of(perfusion, mask)

    assert region.mean == pytest.approx(120.0)
    assert region.ratio == pytest.approx(2.0)
    assert region.share == pytest.approx(float(mask.mean()))


def test_a_prediction_is_not_coded_like_a_measurement() -> None:
    region = region_of(np.full((50, 50), 60, np.float32), _disc(50, 50, 10))

    guessed = region_measurements(region, 1, codes.PREDICTED_FROM_PHOTO)
    measured = region_measurements(region, 1, codes.SPECKLE_FRAMES)

    of_perfusion = {codes.PERFUSION, codes.PERFUSION_RATIO}
    assert of_perfusion == {one.quantity for one in guessed if one.method is not None}
    assert [one.value for one in guessed] == [one.value for one in measured]
    assert guessed != measured
    values = np.ones((4, 4), np.float32)
    assert perfusion_map("any", values, codes.SPECKLE_FRAMES).method == codes.SPECKLE_FRAMES


def test_the_surroundings_touch_neither_the_region_nor_the_border() -> None:
    mask = _disc(200, 200, 30)

    ring = surroundings(mask)

    assert not (ring & _disc(200, 200, 34)).any()
    assert not (ring & ~_disc(200, 200, 62)).any()


def test_a_region_that_stands_out_is_found() -> None:
    mask = _disc(128, 128, 25)
    noise = np.random.default_rng(0).normal(1, 0.1, mask.shape)
    perfusion = (np.where(mask, 40.0, 20.0) * noise).astype(np.float32)

    found = hyperperfused(perfusion)

    assert 2 * (found & mask).sum() / (found.sum() + mask.sum()) > 0.9


def test_a_keloid_is_believed_only_where_the_network_is_sure() -> None:
    probability = np.zeros((100, 100), np.float32)
    probability[10:30, 10:30] = 0.95
    probability[60:90, 60:90] = 0.7  # more likely than not, but no conviction
    probability[50, 5] = 1.0  # a speck

    found = keloid_from(probability)

    assert found[10:30, 10:30].all()
    assert found.sum() == 400
    assert not keloid_from(np.zeros((50, 50), np.float32)).any()


def test_nothing_is_found_where_nothing_stands_out() -> None:
    noise = np.random.default_rng(0).normal(1, 0.1, (128, 128))

    assert not hyperperfused((20 * noise).astype(np.float32)).any()
    assert not hyperperfused(np.full((64, 64), 5.0, np.float32)).any()


def test_agreement_is_one_for_the_same_map_at_another_size_and_scale() -> None:
    down, across = np.mgrid[0:128, 0:128] / 128
    small = np.exp(np.sin(5 * down) + across).astype(np.float32)
    large = np.repeat(np.repeat(small, 2, 0), 2, 1)

    r = agreement(large, 0.3 * small, _disc(256, 256, 80))

    assert r == pytest.approx(1.0, abs=1e-3)


def test_maps_of_other_proportions_are_not_compared() -> None:
    values = np.random.default_rng(0).random((100, 150)).astype(np.float32) + 1

    assert agreement(values, values[:, :100], _disc(100, 150, 30)) is None
    assert agreement(values, values, np.zeros((100, 150), np.bool_)) is None
