import numpy as np
import pytest

from workers.learning.letterbox import Letterbox


@pytest.mark.parametrize(("rows", "columns"), [(300, 400), (500, 100), (64, 64), (90, 700)])
def test_a_map_comes_back_at_the_size_and_place_of_the_image(rows: int, columns: int) -> None:
    down, across = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    image = (down + 2 * across).astype(np.float32)
    box = Letterbox(rows=rows, columns=columns, size=128)

    back = box.unpack(box.pack(image).astype(np.float32))

    assert back.shape == image.shape
    assert np.abs(back - image).max() < 0.08


def test_the_square_is_filled_by_mirroring() -> None:
    image = np.full((40, 100), 7.0, np.float32)

    packed = Letterbox(rows=40, columns=100, size=64).pack(image)

    assert packed.shape == (64, 64)
    assert np.allclose(packed, 7.0)
