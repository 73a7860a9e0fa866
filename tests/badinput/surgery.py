"""Surgery on encoded data sets: a good photo or section, and changes that no writer would make."""

import struct
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from services.listener.instance import StoreRequest
from services.listener.structure import scan_structure
from shared.dicom.uids import derived_uid
from tests import factories
from tests.services.listener.requests import element, request_of


def photo(name: str = "good", **attributes: Any) -> StoreRequest:
    """Return a small RGB photo in a study of its own, named ``name``."""
    return request_of(photo_dataset(name, **attributes))


def section(name: str = "good-section", **attributes: Any) -> StoreRequest:
    """Return a small grayscale section, named ``name``."""
    return request_of(section_dataset(name, **attributes))


def photo_dataset(name: str, **attributes: Any) -> Dataset:
    """Return the data set behind :func:`photo`."""
    dataset = factories.rgb_photo(factories.lesion_photo(4, 6), **attributes)
    return _named(dataset, name, attributes)


def section_dataset(name: str, **attributes: Any) -> Dataset:
    """Return the data set behind :func:`section`: 4 rows, 6 columns, 8 bits."""
    dataset = factories.bscan(factories.layered_stack(1, 4, 6)[0], **attributes)
    return _named(dataset, name, attributes)


def with_bytes(request: StoreRequest, data_set: bytes) -> StoreRequest:
    """Return ``request`` with other bytes."""
    return replace(request, data_set=data_set)


def with_element(
    request: StoreRequest, keyword: str | int, value: bytes, vr: str = "", length: int | None = None
) -> StoreRequest:
    """Put an element in its place, as encoded by hand; one that was there is gone."""
    tag = int(Tag(keyword))
    new = element(tag, (vr or dictionary_VR(tag)).encode(), value, length)
    parts = {**dict(elements(request)), tag: new}
    return with_bytes(request, b"".join(parts[one] for one in sorted(parts)))


def without_element(request: StoreRequest, keyword: str) -> StoreRequest:
    """Take an element out."""
    gone = int(Tag(keyword))
    kept = (content for tag, content in elements(request) if tag != gone)
    return with_bytes(request, b"".join(kept))


def elements(request: StoreRequest) -> Iterable[tuple[int, bytes]]:
    """Yield tag and bytes of each element of the top level (explicit VR little endian)."""
    tags = sorted(scan_structure(request.data_set, request.transfer_syntax_uid))
    starts = [_start(request.data_set, tags, number) for number in range(len(tags))]
    for number, tag in enumerate(tags):
        end = starts[number + 1] if number + 1 < len(tags) else len(request.data_set)
        yield tag, request.data_set[starts[number] : end]


def offset(request: StoreRequest, keyword: str) -> int:
    """Return where an element of the top level starts."""
    at = 0
    for tag, content in elements(request):
        if tag == int(Tag(keyword)):
            return at
        at += len(content)
    raise KeyError(keyword)


def _start(data_set: bytes, tags: list[int], number: int) -> int:
    # Walk over the elements before; none of ours hides a sequence of undefined length on top.
    at = 0
    for _ in tags[:number]:
        vr = data_set[at + 4 : at + 6]
        if vr in {b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF", b"OD", b"UC", b"UR", b"OL"}:
            at += 12 + struct.unpack_from("<L", data_set, at + 8)[0]
        else:
            at += 8 + struct.unpack_from("<H", data_set, at + 6)[0]
    return at


def _named(dataset: Dataset, name: str, given: dict[str, Any]) -> Dataset:
    own = {
        "SOPInstanceUID": derived_uid("bad-input", "instance", name),
        "SeriesInstanceUID": derived_uid("bad-input", "series", name),
        "StudyInstanceUID": derived_uid("bad-input", "study", name),
    }
    for keyword, uid in own.items():
        if keyword not in given:
            setattr(dataset, keyword, uid)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3")
    return dataset
