"""The structural scan tells whole data sets from broken ones."""

import io
import struct
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.filereader import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom.dsutils import encode, split_dataset

from services.listener.instance import read_manifest
from services.listener.structure import MAX_DEPTH, scan_structure
from shared.errors import BadInputError
from tests import factories
from tests.services.listener.requests import element, item, request_of

SAMPLES = Path(pydicom.__file__).parent / "data"

# What is wrong with those pydicom ships to be wrong, or is wrong without a word.
BROKEN = {
    "palettes/winter.dcm": "repeated",
    "test_files/MR_truncated.dcm": "past the end",
    "test_files/rtplan_truncated.dcm": "past the end",
    "test_files/nested_priv_SQ.dcm": "out of order",
    "test_files/SC_rgb_jpeg.dcm": "no known value representation",
    "test_files/meta_missing_tsyntax.dcm": "no known value representation",
}


def valid_samples() -> list[Path]:
    files = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
    return [
        path
        for path in files
        if path.read_bytes()[128:132] == b"DICM"
        and str(path.relative_to(SAMPLES)) not in BROKEN
        and not path.name.startswith("DICOMDIR")
    ]


def data_set_of(path: Path) -> tuple[bytes, str]:
    meta, offset = split_dataset(path)
    return path.read_bytes()[offset:], str(meta.get("TransferSyntaxUID", ExplicitVRLittleEndian))


def test_every_valid_sample_of_pydicom_passes() -> None:
    samples = valid_samples()
    for path in samples:
        data_set, syntax = data_set_of(path)
        if syntax != DeflatedExplicitVRLittleEndian:
            scan_structure(data_set, syntax)
    assert len(samples) > 150


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_sample_of_pydicom_is_rejected_with_its_reason(name: str) -> None:
    with pytest.raises(BadInputError, match=BROKEN[name]) as caught:
        scan_structure(*data_set_of(SAMPLES / name))
    assert caught.value.code == "structure"


def implicit(dataset: pydicom.Dataset) -> pydicom.Dataset:
    again = dcmread(io.BytesIO(request_of(dataset).part10()))
    again.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return again


@pytest.mark.parametrize(
    "dataset",
    [
        factories.rgb_photo(factories.lesion_photo(4, 6)),
        implicit(factories.rgb_photo(factories.lesion_photo(4, 6))),
        factories.jpeg_photo(factories.lesion_photo(16, 16)),
        factories.byte_stack(factories.layered_stack(2, 3, 4)),
    ],
    ids=["photo", "implicit", "jpeg", "stack"],
)
def test_an_image_cut_at_any_byte_is_rejected(dataset: pydicom.Dataset) -> None:
    whole = request_of(dataset)
    read_manifest(whole, whole.part10())
    accepted = []
    for length in range(len(whole.data_set)):
        cut = replace(whole, data_set=whole.data_set[:length])
        try:
            read_manifest(cut, cut.part10())
        except BadInputError:
            continue
        accepted.append(length)
    assert accepted == []


def test_the_tags_of_the_top_level_are_returned() -> None:
    inner = element(0x00080100, b"SH", b"1 ")
    data_set = element(0x00081140, b"SQ", item(inner)) + element(0x00280010, b"US", b"\2\0")
    assert scan_structure(data_set, ExplicitVRLittleEndian) == {0x00081140, 0x00280010}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_sequences_may_nest_to_the_limit_and_no_deeper(syntax: str) -> None:
    def nested(depth: int) -> bytes:
        content = b""
        for _ in range(depth):
            if syntax == ImplicitVRLittleEndian:
                size = struct.pack("<HHL", 0x0008, 0x1140, len(item(content)))
                content = size + item(content)
            else:
                content = element(0x00081140, b"SQ", item(content))
        return content

    scan_structure(nested(MAX_DEPTH), syntax)
    with pytest.raises(BadInputError, match="nested deeper"):
        scan_structure(nested(MAX_DEPTH + 1), syntax)
    with pytest.raises(BadInputError, match="nested deeper"):
        scan_structure(nested(3000), syntax)


def test_undefined_lengths_are_followed_in_every_encoding() -> None:
    dataset = factories.rgb_photo(factories.lesion_photo(2, 2))
    dataset.AcquisitionContextSequence = [pydicom.Dataset()]
    dataset["AcquisitionContextSequence"].is_undefined_length = True
    dataset.AcquisitionContextSequence[0].is_undefined_length_sequence_item = True
    for implicit, little, syntax in (
        (True, True, ImplicitVRLittleEndian),
        (False, True, ExplicitVRLittleEndian),
        (False, False, ExplicitVRBigEndian),
    ):
        data_set = encode(dataset, is_implicit_vr=implicit, is_little_endian=little)
        assert data_set is not None
        assert 0x7FE00010 in scan_structure(data_set, syntax)


@pytest.mark.parametrize(
    ("data_set", "reason"),
    [
        (b"\0" * 7, "inside an element header"),
        (element(0x00080060, b"ZZ", b"MR"), "no known value representation"),
        (element(0x00080060, b"CS", b"MR", length=0xFFFE), "past the end"),
        (element(0x00080060, b"CS", b"MR") * 2, "repeated"),
        (
            element(0x00100020, b"LO", b"1 ") + element(0x00080060, b"CS", b"MR"),
            "out of order",
        ),
        (element(0x00020010, b"UI", b"1."), "misplaced"),
        (item(b""), "misplaced"),
        (element(0x00081140, b"SQ", element(0x00080060, b"CS", b"MR")), "where an item must"),
        (element(0x00081140, b"SQ", b"", length=0xFFFFFFFF), "never ends"),
        (element(0x00281201, b"OW", b"", length=0xFFFFFFFF), "undefined length"),
        (element(0x7FE00010, b"OB", item(b"ab"), length=0xFFFFFFFF), "never ends"),
        (element(0x7FE00010, b"OB", item(b"ab")[:-1], length=0xFFFFFFFF), "fragment"),
        (element(0x7FE00010, b"OW", b"ab", length=0xFFFFFFFE), "past the end"),
    ],
)
def test_what_breaks_the_encoding_is_rejected(data_set: bytes, reason: str) -> None:
    with pytest.raises(BadInputError, match=reason):
        scan_structure(data_set, ExplicitVRLittleEndian)


def test_the_reason_never_quotes_a_value() -> None:
    data_set = element(0x00100010, b"PN", b"Canary^Name ", length=500)
    with pytest.raises(BadInputError) as caught:
        scan_structure(data_set, ExplicitVRLittleEndian)
    assert "Canary" not in caught.value.reason
