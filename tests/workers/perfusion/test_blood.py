import numpy as np
import pytest

from workers.learning.skin_optics import SKIN_BLOOD, blood_added, reflectance
from workers.perfusion.blood import blood_index, corrected, fit_correction, skin_around


def _photo(blood: float, melanin: float, exposure: float) -> np.ndarray:
    """Skin with a square of other blood and melanin in its middle, gamma 2.2."""
    bloods = np.full((64, 64), SKIN_BLOOD, np.float32)
    melanins = np.full((64, 64), 0.3, np.float32)
    bloods[20:44, 20:44], melanins[20:44, 20:44] = blood, melanin
    seen = (exposure * reflectance(melanins, bloods)) ** (1 / 2.2)
    return (seen * 255).round().astype(np.uint8)


def _square() -> np.ndarray:
    mask = np.zeros((64, 64), np.bool_)
    mask[20:44, 20:44] = True
    return mask


def test_blood_is_told_from_melanin() -> None:
    def ratios(melanin: float, blood: float) -> tuple[np.ndarray, np.ndarray]:
        colour = np.log(reflectance(np.full((1, 1), melanin), np.full((1, 1), blood)))
        return colour[..., 0] - colour[..., 1], colour[..., 1] - colour[..., 2]

    before, after = ratios(0.2, 0.22), ratios(0.9, 0.5)

    added = blood_added(after[0] - before[0], after[1] - before[1])

    assert float(added[0, 0]) == pytest.approx(0.28, abs=1e-4)


@pytest.mark.parametrize("exposure", [0.5, 1.0])
@pytest.mark.parametrize("melanin", [0.3, 0.5])
def test_the_index_is_the_log_of_blood_over_that_around_in_any_light(
    exposure: float, melanin: float
) -> None:
    index = blood_index(_photo(2 * SKIN_BLOOD, melanin, exposure), skin_around(_square()))

    assert float(np.median(index[26:38, 26:38])) == pytest.approx(np.log(2), abs=0.1)
    assert float(np.median(index[:10])) == pytest.approx(0, abs=0.05)


def test_a_mask_that_covers_all_leaves_everything_as_the_skin_around() -> None:
    assert skin_around(np.ones((32, 32), np.bool_)).all()
    assert not skin_around(_square())[32, 32]


def test_the_correction_finds_what_the_truth_was_made_of() -> None:
    rng = np.random.default_rng(0)
    keloids = []
    for size in (50, 500):
        generated, index = rng.standard_normal((2, size)).astype(np.float32)
        keloids.append((generated, index, 0.5 + 0.25 * generated + 0.75 * index))

    found = fit_correction(keloids)

    assert found == pytest.approx([0.5, 0.25, 0.75], abs=1e-5)
    two, four = np.full((1, 1), 2, np.float32), np.full((1, 1), 4, np.float32)
    assert float(corrected(two, four, found)[0, 0]) == pytest.approx(4.0)
