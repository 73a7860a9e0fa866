import re
import socket
import threading
from pathlib import Path

import pytest

from shared.audit.channels import channels
from shared.audit.settings import AuditSettings
from shared.errors import ConfigurationError, TransientError
from shared.tls import TlsFiles, server_context
from tests.certificates import Authority

AT = "2026-01-02T03:04:05.678+00:00"
MESSAGE = "<AuditMessage>ü</AuditMessage>".encode()
HEAD = rb"<85>1 2026-01-02T03:04:05\.678\+00:00 \S+ cutis \d+ DICOM\+RFC3881 - \xef\xbb\xbf"


def test_a_file_takes_one_message_a_line_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "audit.xml"
    (channel,) = channels(AuditSettings(file=file))

    channel.send(MESSAGE, AT)
    channel.send(b"<a>\nb</a>", AT)

    assert file.read_bytes() == MESSAGE + b"\n<a> b</a>\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_syslog_over_udp_is_one_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as repository:
        repository.bind(("127.0.0.1", 0))
        repository.settimeout(10)
        port = repository.getsockname()[1]
        (channel,) = channels(AuditSettings(syslog=f"udp://127.0.0.1:{port}"))

        channel.send(MESSAGE, AT)

        assert re.fullmatch(HEAD + re.escape(MESSAGE), repository.recv(65536))


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_syslog_over_a_stream_counts_its_octets(scheme: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("repository")
    settings = {"tls_authorities": authority.certificate} if scheme == "tls" else {}
    with socket.create_server(("127.0.0.1", 0)) as repository:
        repository.settimeout(10)
        url = f"{scheme}://127.0.0.1:{repository.getsockname()[1]}"
        (channel,) = channels(AuditSettings.model_validate({"syslog": url, **settings}))
        received = bytearray()

        def receive() -> None:
            connection, _ = repository.accept()
            if scheme == "tls":
                files = TlsFiles(certificate=own.certificate, key=own.key)
                connection = server_context(files).wrap_socket(connection, server_side=True)
            connection.settimeout(10)
            with connection:
                while received.count(b"</AuditMessage>") < 2:
                    received.extend(connection.recv(65536))

        thread = threading.Thread(target=receive)
        thread.start()
        channel.send(MESSAGE, AT)
        channel.send(MESSAGE, AT)
        thread.join()

    for _ in range(2):
        length, _, rest = bytes(received).partition(b" ")
        assert re.fullmatch(HEAD + re.escape(MESSAGE), rest[: int(length)])
        del received[: len(length) + 1 + int(length)]
    assert received == b""
    channel.close()  # type: ignore[attr-defined]


def test_a_repository_that_is_away_is_tried_again(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    (channel,) = channels(AuditSettings(syslog=f"tcp://127.0.0.1:{port}"))
    (folder,) = channels(AuditSettings(file=tmp_path))

    for one in (channel, folder):
        with pytest.raises(TransientError):
            one.send(MESSAGE, AT)


def test_an_address_of_another_kind_stops_the_start() -> None:
    for wrong in ("http://host", "udp://", "host:514"):
        with pytest.raises(ConfigurationError, match="CUTIS_AUDIT_SYSLOG"):
            channels(AuditSettings(syslog=wrong))
