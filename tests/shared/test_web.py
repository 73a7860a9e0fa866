"""A PACS whose connections break, drip, or lead to something else."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.dicomweb import DicomWebPacs
from shared.dimse import DimsePacs
from shared.errors import AwayError
from shared.settings import PacsSettings

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n"
HALF_OF_A_LENGTH = OK + b"Content-Length: 500\r\n\r\n["
HALF_A_CHUNK = OK + b"Transfer-Encoding: chunked\r\n\r\n40\r\n[{"
WRONG_CODING = OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n[{}]"
A_PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"
NOTHING = b""

Peer = Callable[[socket.socket], None]


@contextmanager
def peer(behave: Peer) -> Iterator[int]:
    """Serve every connection in turn by ``behave``; yield the port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    behave(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def saying(answer: bytes) -> Peer:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return behave


def dripping(start: bytes) -> Peer:
    """Say ``start``, then a byte now and then: no single read is ever late."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(start)
        connection.settimeout(0.05)
        while True:
            try:
                if not connection.recv(65536):
                    return  # the other side hung up
            except TimeoutError:
                connection.sendall(b" ")

    return behave


def web(port: int, **more: object) -> DicomWebPacs:
    scheme = more.pop("scheme", "http")
    given = {"dicomweb_url": f"{scheme}://127.0.0.1:{port}", "timeout_seconds": 5, **more}
    return DicomWebPacs(PacsSettings.model_validate(given))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("answer", [NOTHING, HALF_OF_A_LENGTH, HALF_A_CHUNK, WRONG_CODING, A_PAGE])
def test_an_archive_that_dies_in_its_answer_is_waited_for(answer: bytes, scheme: str) -> None:
    with peer(saying(answer)) as port, pytest.raises(AwayError):
        web(port, scheme=scheme).has("1", "2", "3")


@pytest.mark.parametrize("start", [OK, OK + b"Content-Length: 9999\r\n\r\n", OK + b"\r\n"])
def test_an_answer_that_drips_ends_at_the_deadline_of_the_exchange(start: bytes) -> None:
    with (
        peer(dripping(start)) as port,
        pytest.raises(AwayError, match=r"too long|does not answer") as caught,
    ):
        web(port, exchange_seconds=0.4).has("1", "2", "3")
    assert caught.value.code == "pacs-down"


def test_a_handshake_that_never_ends_ends_at_the_deadline_too() -> None:
    # 0x16 0x03 0x03 0x3fff: a TLS record of 16 KiB, of which a byte comes now and then
    with peer(dripping(b"\x16\x03\x03\x3f\xff")) as port, pytest.raises(AwayError):
        web(port, scheme="https", exchange_seconds=0.4).has("1", "2", "3")


def test_an_association_that_drips_ends_at_the_deadline_of_the_exchange() -> None:
    # 0x02: A-ASSOCIATE-AC of 16 KiB (PS3.8 9.3.3)
    with peer(dripping(b"\x02\x00\x00\x00\x3f\xff")) as port:
        settings = PacsSettings(port=port, timeout_seconds=30, exchange_seconds=0.4)
        pacs = DimsePacs(settings, "CUTIS")
        with pytest.raises(AwayError):
            pacs.echo()


def test_files_that_went_away_are_waited_for(tmp_path: Path) -> None:
    with pytest.raises(AwayError) as caught:
        web(9, scheme="https", tls_authorities=tmp_path / "none").has("1", "2", "3")
    assert caught.value.code == "pacs"


def test_a_password_that_changed_in_its_file_is_used_from_then_on(tmp_path: Path) -> None:
    said: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        said.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    file = tmp_path / "password"
    file.write_text("old")
    with peer(behave) as port:
        pacs = web(port, username="u", password=SecretStr(""), password_file=file)
        pacs.has("1", "2", "3")
        file.write_text("new")
        pacs.has("1", "2", "3")
    assert b"Basic dTpvbGQ=" in said[0]
    assert b"Basic dTpuZXc=" in said[1]
