"""How the fate of a job follows from what a PACS answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE, evt

from shared.dicomweb import DicomWebPacs
from shared.dimse import VERIFICATION, DimsePacs
from shared.errors import AwayError, ConfigurationError, CutisError, PermanentError, TransientError
from shared.pacs import make_pacs
from shared.settings import PacsSettings
from tests import factories
from tests.json_server import served
from tests.orthanc import free_port

CONTENT = factories.part10(factories.sc_photo())


@contextmanager
def web_pacs(status: int, answer: object = None) -> Iterator[tuple[DicomWebPacs, list[Any]]]:
    """Serve one fixed answer; yield a client and the requests (path, headers, body)."""
    seen: list[Any] = []

    def respond(path: str, headers: Any, body: bytes) -> tuple[int, object]:
        seen.append((path, headers, body))
        return status, b"" if answer is None else answer

    with served(respond) as url:
        settings = PacsSettings(
            dicomweb_url=f"{url}/dicom-web/",
            username="user",
            password=SecretStr("word"),
            timeout_seconds=5,
        )
        yield DicomWebPacs(settings), seen


@contextmanager
def dimse_pacs(
    status: int | Callable[[Any], int],
    sop_class_uid: UID = SecondaryCaptureImageStorage,
    **options: Any,
) -> Iterator[DimsePacs]:
    """Serve C-STORE and C-ECHO with one fixed status, or that of a function; yield a client."""
    entity = AE(ae_title="ARCHIVE")
    entity.require_called_aet = options.pop("strict", False)
    entity.add_supported_context(sop_class_uid, ExplicitVRLittleEndian)
    entity.add_supported_context(VERIFICATION)
    answer = status if callable(status) else lambda _event: status
    handlers: Any = [(kind, answer) for kind in (evt.EVT_C_STORE, evt.EVT_C_ECHO)]
    port = free_port()
    server: Any = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    try:
        yield DimsePacs(PacsSettings(port=port, timeout_seconds=5, **options), "CUTIS")
    finally:
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, PermanentError),
        (409, PermanentError),
        (415, PermanentError),
        (422, PermanentError),
        (302, AwayError),
        (401, AwayError),
        (403, AwayError),
        (404, AwayError),
        (405, AwayError),
        (407, AwayError),
        (408, AwayError),
        (429, AwayError),
        (500, AwayError),
        (503, AwayError),
    ],
)
def test_http_status_decides_the_fate(status: int, kind: type[CutisError]) -> None:
    with web_pacs(status) as (pacs, _), pytest.raises(kind) as caught:
        pacs.store(CONTENT)
    assert type(caught.value) is kind


def test_bytes_are_sent_as_they_are_with_credentials() -> None:
    with web_pacs(200, {}) as (pacs, seen):
        pacs.store(CONTENT)
    path, headers, body = seen[0]
    assert path == "/dicom-web/studies"
    assert CONTENT in body
    assert headers["Authorization"].startswith("Basic ")
    assert 'type="application/dicom"' in headers["Content-Type"]


def test_an_empty_failed_sop_sequence_is_success() -> None:
    with web_pacs(200, {"00081198": {"vr": "SQ", "Value": []}}) as (pacs, _):
        pacs.store(CONTENT)
    with web_pacs(200, {"00081198": {"vr": "SQ"}}) as (pacs, _):
        pacs.store(CONTENT)


@pytest.mark.parametrize("status", [200, 202, 409])
@pytest.mark.parametrize(
    ("reason", "kind"), [(0xA700, AwayError), (0x0124, AwayError), (0xC000, PermanentError)]
)
def test_a_failed_instance_is_a_failure_whatever_the_status(
    status: int, reason: int, kind: type[CutisError]
) -> None:
    failed = {"00081197": {"vr": "US", "Value": [reason]}}
    answer = {"00081198": {"vr": "SQ", "Value": [failed]}}
    with web_pacs(status, answer) as (pacs, _), pytest.raises(kind):
        pacs.store(CONTENT)


def test_only_the_very_instance_counts_as_there() -> None:
    with web_pacs(200, [{"00080018": {"vr": "UI", "Value": ["1.2.3"]}}]) as (pacs, seen):
        assert pacs.has("1", "2", "1.2.3")
        assert not pacs.has("1", "2", "1.2.4")
    assert seen[0][0] == "/dicom-web/studies/1/series/2/instances?SOPInstanceUID=1.2.3"


@pytest.mark.parametrize(("status", "answer"), [(204, None), (200, []), (404, None)])
def test_nothing_found_is_not_there(status: int, answer: object) -> None:
    with web_pacs(status, answer) as (pacs, _):
        assert not pacs.has("1", "2", "3")


def test_a_pacs_in_trouble_is_not_an_empty_pacs() -> None:
    with web_pacs(500) as (pacs, _), pytest.raises(TransientError):
        pacs.has("1", "2", "3")


@pytest.mark.parametrize("store_by", ["stow", "c-store"])
def test_no_connection_is_transient(store_by: Any) -> None:
    port = free_port()
    settings = PacsSettings(
        store_by=store_by, port=port, dicomweb_url=f"http://127.0.0.1:{port}", timeout_seconds=3
    )
    pacs = make_pacs(settings, "CUTIS")
    for action in (lambda: pacs.store(CONTENT), lambda: pacs.has("1", "2", "3"), pacs.echo):
        with pytest.raises(TransientError):
            action()


def test_c_store_succeeds_with_success_warning_or_duplicate() -> None:
    for status in (0x0000, 0xB000, 0x0111):
        with dimse_pacs(status) as pacs:
            pacs.store(CONTENT)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (0xA700, AwayError),
        (0xA900, PermanentError),
        (0xC210, PermanentError),
        (0x0122, PermanentError),
        (0x0110, AwayError),
        (0x0124, AwayError),
    ],
)
def test_c_store_status_decides_the_fate(status: int, kind: type[CutisError]) -> None:
    with dimse_pacs(status) as pacs, pytest.raises(kind):
        pacs.store(CONTENT)


def test_an_association_that_breaks_in_a_request_is_no_fault_of_the_job() -> None:
    def store(event: Any) -> int:
        event.assoc.abort()
        return 0

    with dimse_pacs(store) as pacs, pytest.raises(AwayError):
        pacs.store(CONTENT)


def test_a_class_the_archive_does_not_take_needs_an_operator() -> None:
    with dimse_pacs(0, UID("1.2.840.10008.5.1.4.1.1.2")) as pacs:
        with pytest.raises(ConfigurationError, match="SOP class"):
            pacs.store(CONTENT)
        pacs.echo()


def test_an_archive_that_does_not_know_our_ae_title_is_waited_for() -> None:
    with (
        dimse_pacs(0, strict=True, ae_title="OTHER") as pacs,
        pytest.raises(AwayError, match="rejects"),
    ):
        pacs.echo()


def test_stow_without_an_address_falls_back_to_dimse() -> None:
    assert isinstance(make_pacs(PacsSettings(dicomweb_url=""), "CUTIS"), DimsePacs)
    assert isinstance(make_pacs(PacsSettings(), "CUTIS"), DicomWebPacs)
