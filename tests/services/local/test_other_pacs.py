"""A PACS with a certificate of the site's own authority, and one without DICOMweb."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from services.local import hops
from services.local.addresses import DicomAddress, PacsAddress, given_pacs
from services.local.readback import PacsReader
from tests import factories
from tests.certificates import Authority
from tests.orthanc import free_port

_STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
PICTURE = factories.sc_photo()
RESULT = {
    "model": "layers",
    "role": "sc",
    "sop_instance_uid": str(PICTURE.SOPInstanceUID),
    "sop_class_uid": str(PICTURE.SOPClassUID),
    "series_instance_uid": str(PICTURE.SeriesInstanceUID),
}


class _Web(BaseHTTPRequestHandler):
    """Answers a search with nothing, a retrieval with one object, a POST with success."""

    def do_GET(self) -> None:
        if "/instances/" in self.path:
            head = b"--b\r\nContent-Type: application/dicom\r\n\r\n"
            body = head + factories.part10(PICTURE) + b"\r\n--b--\r\n"
            self._answer(body, 'multipart/related; type="application/dicom"; boundary=b')
        else:
            self._answer(b"[]", "application/dicom+json")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(b"{}", "application/json")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def https(authority: Authority) -> Iterator[str]:
    """Give the root of a PACS over https, which only ``authority`` vouches for."""
    pair = authority.issue("pacs")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def archive() -> Iterator[PacsAddress]:
    """Give a PACS that knows CUTIS, answers C-FIND, shows one instance and has no DICOMweb."""
    entity = AE(ae_title="ARCHIVE")
    entity.require_calling_aet = ["CUTIS"]
    entity.add_supported_context(_STUDY_ROOT_FIND)

    def find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        if event.identifier.SOPInstanceUID == PICTURE.SOPInstanceUID:
            yield 0xFF00, event.identifier
        yield 0, None

    port = free_port()
    handlers: Any = [(evt.EVT_C_FIND, find)]
    server: Any = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    dicom = DicomAddress(ae_title="ARCHIVE", host="127.0.0.1", port=port)
    yield PacsAddress(dicom=dicom, dicomweb_url="")
    server.shutdown()


def over_https(root: str, authorities: Path | None) -> PacsAddress:
    dicom = DicomAddress(ae_title="ARCHIVE", host="127.0.0.1", port=2)
    return PacsAddress(dicom=dicom, dicomweb_url=f"{root}/dicom-web", authorities=authorities)


def test_the_sites_authority_is_believed_by_every_hop(
    https: str, authority: Authority, tmp_path: Path
) -> None:
    pacs = over_https(https, authority.certificate)
    listener = DicomAddress(ae_title="CUTIS", host="127.0.0.1", port=1)

    assert "answers a search" in hops.pacs_is_searched(pacs, ("", ""), "CUTIS")
    assert "CUTIS answers ARCHIVE" in hops.pacs_echoes_us(https, ("", ""), pacs, listener)
    assert PacsReader(pacs, "CUTIS").fetch("1.2", RESULT, tmp_path).problem == ""


def test_without_it_nothing_is_believed(https: str, tmp_path: Path) -> None:
    pacs = over_https(https, None)

    with pytest.raises(hops.HopError, match="does not answer"):
        hops.pacs_is_searched(pacs, ("", ""), "CUTIS")
    assert "does not answer" in PacsReader(pacs, "CUTIS").fetch("1.2", RESULT, tmp_path).problem


def test_a_file_that_holds_no_authority_is_named_as_the_problem(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    pacs = over_https("https://127.0.0.1:2", tmp_path / "ca.pem")

    with pytest.raises(hops.HopError, match="TLS files cannot be used"):
        hops.pacs_is_searched(pacs, ("", ""), "CUTIS")


def test_the_doctor_believes_whom_the_writer_believes(
    monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    monkeypatch.setenv("CUTIS_PACS_TLS_AUTHORITIES", str(authority.certificate))

    assert given_pacs().authorities == authority.certificate


def test_a_pacs_without_dicomweb_is_searched_by_c_find(archive: PacsAddress) -> None:
    assert "answers a C-FIND of CUTIS" in hops.pacs_is_searched(archive, ("", ""), "CUTIS")


def test_a_pacs_that_does_not_know_us_is_a_problem(archive: PacsAddress) -> None:
    with pytest.raises(hops.HopError, match=r"answers no C-FIND of STRANGER: .*AE titles"):
        hops.pacs_is_searched(archive, ("", ""), "STRANGER")


def test_results_in_a_pacs_without_dicomweb_are_looked_for(
    archive: PacsAddress, tmp_path: Path
) -> None:
    reader = PacsReader(archive, "CUTIS")

    found = reader.fetch("1.2", RESULT, tmp_path)
    lost = reader.fetch("1.2", RESULT | {"sop_instance_uid": "1.2.3"}, tmp_path)

    assert (found.problem, lost.problem) == ("", "the PACS does not show it")
    assert (found.model, found.role) == ("layers", "sc")


def test_a_pacs_that_went_away_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    dicom = DicomAddress(ae_title="ARCHIVE", host="127.0.0.1", port=free_port())
    reader = PacsReader(PacsAddress(dicom=dicom, dicomweb_url=""), "CUTIS")

    assert "does not answer" in reader.fetch("1.2", RESULT, tmp_path).problem
