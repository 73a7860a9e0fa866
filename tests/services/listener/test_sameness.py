"""One data set in two encodings is the same; anything else is not."""

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ImplicitVRLittleEndian

from services.listener.instance import StoreRequest
from services.listener.sameness import content_digest
from tests.factories import jpeg_photo, lesion_photo, rgb_photo
from tests.services.listener.requests import element, request_of


def photo() -> Dataset:
    dataset = rgb_photo(lesion_photo(4, 6))
    inner, outer = Dataset(), Dataset()
    inner.CodeValue = "T-01000"
    outer.ViewCodeSequence = [inner]
    dataset.ViewCodeSequence = [outer]
    return dataset


GOOD = request_of(photo())


def holds_the_same(one: bytes, other: bytes) -> bool:
    return content_digest(one) == content_digest(other) != ""


def with_undefined_lengths() -> StoreRequest:
    dataset = photo()
    dataset["ViewCodeSequence"].is_undefined_length = True
    dataset.ViewCodeSequence[0].is_undefined_length_sequence_item = True
    return request_of(dataset)


def with_group_length() -> StoreRequest:
    changed = element(0x00080000, b"UL", bytes(4)) + GOOD.data_set
    return StoreRequest(
        sop_class_uid=GOOD.sop_class_uid,
        sop_instance_uid=GOOD.sop_instance_uid,
        transfer_syntax_uid=GOOD.transfer_syntax_uid,
        data_set=changed + element(0xFFFCFFFC, b"OB", bytes(20)),
    )


def in_syntax(syntax: UID) -> StoreRequest:
    dataset = photo()
    dataset.file_meta.TransferSyntaxUID = syntax
    return request_of(dataset)


@pytest.mark.parametrize(
    "other",
    [with_undefined_lengths(), with_group_length(), in_syntax(ImplicitVRLittleEndian)],
    ids=["undefined lengths", "group length and padding", "implicit VR"],
)
def test_the_same_data_set_in_another_encoding_is_the_same(other: StoreRequest) -> None:
    assert other.data_set != GOOD.data_set
    assert holds_the_same(GOOD.part10(), other.part10())


@pytest.mark.parametrize(
    "change",
    [
        {"SeriesDescription": "other"},
        {"PixelData": bytes(72)},
        {"ViewCodeSequence": None},
        {"PatientID": "OTHER"},
    ],
)
def test_any_other_value_is_not_the_same(change: dict[str, object]) -> None:
    dataset = photo()
    for keyword, value in change.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    assert not holds_the_same(GOOD.part10(), request_of(dataset).part10())


def test_compressed_and_plain_pixels_are_not_compared() -> None:
    compressed, plain = jpeg_photo(), rgb_photo()
    plain.SOPInstanceUID = compressed.SOPInstanceUID
    assert not holds_the_same(request_of(compressed).part10(), request_of(plain).part10())
    assert not holds_the_same(GOOD.part10(), in_syntax(ExplicitVRBigEndian).part10())


def test_what_cannot_be_read_is_not_the_same() -> None:
    assert not holds_the_same(GOOD.part10(), b"nothing" * 100)
