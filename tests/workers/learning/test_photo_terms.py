import pytest

from workers.learning.photo_terms import NOT_A_PHOTO


@pytest.mark.parametrize("text", ["LSCI hand", "Dermatoscopy", "laser-Doppler", "VivaScope 1500"])
def test_pictures_of_other_devices_are_no_photos(text: str) -> None:
    assert NOT_A_PHOTO.search(text)


@pytest.mark.parametrize("text", ["Clinical photo", "dermatology", "left hand"])
def test_photos_are_photos(text: str) -> None:
    assert not NOT_A_PHOTO.search(text)
