import numpy as np

from workers.learning.skin_optics import noise, reflectance


def _field(value: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.full((2, 2), value, np.float32)


def test_blood_takes_more_green_than_red() -> None:
    pale, flushed = reflectance(_field(0.3), _field(0.2)), reflectance(_field(0.3), _field(0.6))
    lost = 1 - flushed / pale

    assert (lost[..., 1] > 2 * lost[..., 0]).all()


def test_melanin_darkens_every_colour_and_blue_most() -> None:
    light, dark = reflectance(_field(0.1), _field(0.2)), reflectance(_field(1.0), _field(0.2))

    assert (dark < light).all()
    assert (dark / light)[..., 2].max() < (dark / light)[..., 0].min()


def test_noise_is_seeded_and_as_coarse_as_asked() -> None:
    fine = noise(np.random.default_rng(1), (128, 128), 6, 1)
    coarse = noise(np.random.default_rng(1), (128, 128), 60, 1)

    assert np.array_equal(fine, noise(np.random.default_rng(1), (128, 128), 6, 1))
    assert np.abs(np.diff(fine)).mean() > 4 * np.abs(np.diff(coarse)).mean()
