"""Sameness: whether two encodings hold the same data set.

A PACS may send one object by two paths: in implicit VR, with sequences of undefined length, with
group lengths, with other padding. Such a second copy is a duplicate, not a conflict.
"""

import io

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from services.listener.instance import PARSE_ERRORS

LARGEST = 256 * 1024 * 1024
"""Bytes; larger instances are compared by digest only, so that two of them cannot fill memory."""


def holds_the_same(one: bytes, other: bytes) -> bool:
    """Say whether two Part 10 files differ in their encoding only; file meta does not count.

    Compressed and big endian pixels are compared by their bytes, never decoded: such files are
    the same only in the same transfer syntax.
    """
    if max(len(one), len(other)) > LARGEST:
        return False
    try:
        return _canonical(one) == _canonical(other)
    except PARSE_ERRORS:
        return False


_LITTLE_ENDIAN = frozenset((ImplicitVRLittleEndian, ExplicitVRLittleEndian))
_PADDING = 0xFFFCFFFC


def _canonical(content: bytes) -> tuple[str, bytes]:
    dataset = dcmread(io.BytesIO(content))
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    _make_plain(dataset)
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = True, True
    write_dataset(file, dataset)
    return "" if syntax in _LITTLE_ENDIAN else syntax, file.getvalue()


def _make_plain(dataset: Dataset) -> None:
    """Take out what is only encoding: group lengths (retired), padding, undefined lengths."""
    for tag in [tag for tag in dataset.keys() if tag.element == 0 or tag == _PADDING]:  # noqa: SIM118
        del dataset[tag]
    dataset.is_undefined_length_sequence_item = False
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = False
            for one in element.value:
                _make_plain(one)
