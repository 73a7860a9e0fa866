import numpy as np
import pytest

from workers.segmentation.phantom import Disease, View, photo


def test_a_subject_always_looks_the_same() -> None:
    first, again, other = photo(5, 96), photo(5, 96), photo(6, 96)

    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.lesion, again.lesion)
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("disease", list(Disease))
def test_masks_are_nested_and_fit_the_disease(disease: Disease) -> None:
    one = photo(11, 128, disease=disease, view=View.MID)

    assert one.image.shape == (128, 128, 3)
    assert one.image.dtype == np.uint8
    assert not (one.lesion & ~one.skin).any()
    assert not (one.keloid & ~one.lesion).any()
    assert one.lesion.any() == (disease is not Disease.NONE)
    assert one.keloid.any() == (disease is Disease.KELOID)


def test_a_long_shot_shows_less_skin_than_a_close_up() -> None:
    close = np.mean([photo(n, 96, view=View.CLOSE).skin.mean() for n in range(6)])
    long = np.mean([photo(n, 96, view=View.LONG).skin.mean() for n in range(6)])

    assert long < 0.4 < close


def test_a_lesion_is_redder_than_the_skin_around_it() -> None:
    redder = 0
    for subject in range(8):
        one = photo(subject, 128, disease=Disease.ATOPIC_DERMATITIS, view=View.CLOSE)
        redness = np.log((one.image[..., 0] + 8.0) / (one.image[..., 1] + 8.0))
        redder += redness[one.lesion].mean() > redness[one.skin & ~one.lesion].mean()

    assert redder >= 7
