"""The picture every viewer shows."""

import io
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests import factories
from tests.conformance.inputs import profiled_photo
from tests.services.writer.samples import build


def _picture(source: Dataset, folder: Path) -> Dataset:
    (built,) = [one for one in build(source, folder) if one.role == "sc"]
    return dcmread(io.BytesIO(built.content))


def test_the_colours_keep_the_profile_of_their_source(tmp_path: Path) -> None:
    source = profiled_photo()
    assert _picture(source, tmp_path).ICCProfile == source.ICCProfile


@pytest.mark.parametrize("kind", ["rgb_photo", "byte_stack"])
def test_no_profile_is_invented(tmp_path: Path, kind: str) -> None:
    assert "ICCProfile" not in _picture(getattr(factories, kind)(), tmp_path)


def test_once_lossy_the_picture_says_so(tmp_path: Path) -> None:
    picture = _picture(factories.jpeg_photo(), tmp_path)
    assert picture.LossyImageCompression == "01"
    assert picture.LossyImageCompressionMethod == "ISO_10918_1"


def test_a_lossy_transfer_syntax_says_what_the_attribute_does_not(tmp_path: Path) -> None:
    source = factories.jpeg_photo()
    for keyword in ("", "Method", "Ratio"):
        delattr(source, f"LossyImageCompression{keyword}")
    assert _picture(source, tmp_path).LossyImageCompression == "01"


def test_nothing_is_said_that_the_source_does_not_say(tmp_path: Path) -> None:
    source = factories.rgb_photo()
    for keyword in ("BurnedInAnnotation", "LossyImageCompression"):
        source.pop(keyword, None)
    picture = _picture(source, tmp_path)
    assert "BurnedInAnnotation" not in picture
    assert "LossyImageCompression" not in picture


@pytest.mark.parametrize("said", ["YES", "NO"])
def test_what_was_burned_in_is_told_on(tmp_path: Path, said: str) -> None:
    assert (
        _picture(factories.rgb_photo(BurnedInAnnotation=said), tmp_path).BurnedInAnnotation == said
    )
