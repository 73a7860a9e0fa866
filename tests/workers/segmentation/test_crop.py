import numpy as np
import numpy.typing as npt

from workers.segmentation.crop import best_crop

Mask = npt.NDArray[np.bool_]


def _square(size: int, top: int, left: int, side: int) -> Mask:
    mask = np.zeros((size, size), np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def test_the_crop_holds_the_lesion_and_little_else() -> None:
    skin, lesion = np.ones((200, 200), np.bool_), _square(200, 80, 60, 48)

    crop = best_crop(skin, lesion)

    assert crop is not None
    inside = lesion[crop.y0 : crop.y1, crop.x0 : crop.x1]
    assert inside.sum() > 0.7 * lesion.sum()
    assert inside.mean() > 0.6
    assert np.isclose(crop.lesion_share, inside.mean())
    assert np.isclose(crop.skin_share, 1.0)


def test_a_lesion_below_ten_percent_of_every_window_gives_no_crop() -> None:
    speck = _square(200, 100, 100, 6)  # 36 of at least 576 pixels

    assert best_crop(np.ones((200, 200), np.bool_), speck) is None


def test_a_window_needs_more_than_eighty_percent_skin() -> None:
    lesion = _square(128, 50, 50, 12)
    narrow = lesion | _square(128, 0, 0, 0)
    narrow[50:62] = True  # a strip of skin twelve pixels high; windows are 24 and more

    assert best_crop(narrow, lesion) is None
    assert best_crop(np.ones((128, 128), np.bool_), lesion) is not None


def test_no_lesion_gives_no_crop() -> None:
    assert best_crop(np.ones((64, 64), np.bool_), np.zeros((64, 64), np.bool_)) is None


def test_a_photo_smaller_than_the_smallest_window_still_has_one() -> None:
    crop = best_crop(np.ones((20, 30), np.bool_), np.ones((20, 30), np.bool_))

    assert crop is not None
    assert crop.y1 <= 20
    assert crop.x1 <= 30


def test_a_crop_scales_with_its_image() -> None:
    crop = best_crop(np.ones((64, 64), np.bool_), _square(64, 16, 16, 24))

    assert crop is not None
    larger = crop.scaled(2, 3)
    assert (larger.y0, larger.y1) == (2 * crop.y0, 2 * crop.y1)
    assert (larger.x0, larger.x1) == (3 * crop.x0, 3 * crop.x1)
