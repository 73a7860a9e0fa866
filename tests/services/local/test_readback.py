import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom.dataset import Dataset

from services.local.addresses import DicomAddress, PacsAddress
from services.local.readback import PacsReader
from shared.web import parts_of
from tests import factories


def content_of(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def multipart(*contents: bytes) -> httpx.Response:
    head = b"\r\n--b\r\nContent-Type: application/dicom\r\n\r\n"
    body = b"".join(head + one for one in contents) + b"\r\n--b--\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary="b"'
    return httpx.Response(200, content=body, headers={"content-type": kind})


def result_of(dataset: Dataset) -> dict[str, Any]:
    return {
        "model": "layers",
        "role": "sc",
        "sop_instance_uid": dataset.SOPInstanceUID,
        "sop_class_uid": dataset.SOPClassUID,
        "series_instance_uid": dataset.SeriesInstanceUID,
    }


@pytest.fixture
def reader() -> PacsReader:
    dicom = DicomAddress(ae_title="PACS", host="127.0.0.1", port=9)
    pacs = PacsAddress(dicom=dicom, dicomweb_url="http://127.0.0.1:9/dicom-web")
    return PacsReader(pacs, "CUTIS")


def answer_with(monkeypatch: pytest.MonkeyPatch, answer: httpx.Response) -> None:
    monkeypatch.setattr(httpx, "get", lambda *_, **__: answer)


def test_what_the_pacs_gives_is_kept_byte_for_byte(
    reader: PacsReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = factories.sc_photo()
    answer_with(monkeypatch, multipart(content_of(picture)))

    first = reader.fetch("1.2", result_of(picture), tmp_path)
    second = reader.fetch("1.2", result_of(picture), tmp_path)

    assert (first.problem, second.problem) == ("", "")
    assert first.path.read_bytes() == content_of(picture)
    assert first.path != second.path


def test_another_object_is_a_problem(
    reader: PacsReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, multipart(content_of(factories.rgb_photo())))

    found = reader.fetch("1.2", result_of(factories.sc_photo()), tmp_path)

    assert "another SOPInstanceUID" in found.problem


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (httpx.Response(404), "answers 404"),
        (httpx.Response(200, content=b"<html>"), "0 objects"),
        (multipart(b"not DICOM"), "not DICOM"),
        (multipart(b"one", b"two"), "2 objects"),
    ],
)
def test_what_is_no_single_object_is_a_problem(
    reader: PacsReader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: httpx.Response,
    problem: str,
) -> None:
    answer_with(monkeypatch, answer)

    assert problem in reader.fetch("1.2", result_of(factories.sc_photo()), tmp_path).problem


def test_a_pacs_that_is_down_is_a_problem(reader: PacsReader, tmp_path: Path) -> None:
    found = reader.fetch("1.2", result_of(factories.sc_photo()), tmp_path)

    assert "does not answer" in found.problem


def test_line_breaks_at_the_end_of_a_content_stay() -> None:
    body = b"--b\r\n\r\nends with breaks\r\n\r\n\r\n--b--"

    assert parts_of(body, "multipart/related; boundary=b") == [b"ends with breaks\r\n\r\n"]
