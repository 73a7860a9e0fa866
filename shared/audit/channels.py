"""Channels: where audit messages go: a file, or syslog over UDP (RFC 5426), TCP, TLS (RFC 5425)."""

import os
import socket
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from shared.audit.settings import AuditSettings
from shared.errors import ConfigurationError, TransientError
from shared.tls import TlsFiles, client_context

# Facility 10 (security), severity 5 (notice), as PS3.15 A.6 and IHE ATNA have it.
_PRIORITY = 10 * 8 + 5
_PORTS = {"udp": 514, "tcp": 601, "tls": 6514}
_SECONDS = 5.0


class Channel(Protocol):
    """Somewhere that audit messages go."""

    @property
    def name(self) -> str:
        """A word of its own, under which the database has how far it got."""
        ...

    def send(self, message: bytes, at: str) -> None:
        """Send one message; ``at`` is its time (RFC 3339).

        Raises
        ------
        TransientError
            It could not be handed over now.
        """
        ...


class FileChannel:
    """One message a line, appended and flushed to disk before it counts as sent."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, message: bytes, at: str) -> None:
        """Append; see :class:`Channel`."""
        del at  # the message has it
        line = message.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise TransientError("the audit file cannot be written", code="audit") from error


class SyslogChannel:
    """Syslog messages of RFC 5424, with the message identifier that PS3.15 A.6 asks for.

    Raises
    ------
    ConfigurationError
        The address is not ``udp|tcp|tls://host[:port]``, or the TLS files cannot be used.
    """

    name = "syslog"

    def __init__(self, settings: AuditSettings) -> None:
        parts = urlsplit(settings.syslog)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ConfigurationError("CUTIS_AUDIT_SYSLOG must be udp://, tcp:// or tls://host:port")
        self._scheme, self._host = parts.scheme, parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._context = None
        if self._scheme == "tls":
            files = TlsFiles(
                certificate=settings.tls_certificate,
                key=settings.tls_key,
                authorities=settings.tls_authorities,
            )
            self._context = client_context(files)
        self._connection: socket.socket | None = None

    def send(self, message: bytes, at: str) -> None:
        """Send; see :class:`Channel`. UDP and TCP cannot tell that a message was lost after."""
        head = f"<{_PRIORITY}>1 {at} {socket.gethostname()} cutis {os.getpid()} DICOM+RFC3881 - "
        framed = head.encode() + b"\xef\xbb\xbf" + message
        try:
            if self._scheme == "udp":
                family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
                with socket.socket(family, socket.SOCK_DGRAM) as one:
                    one.sendto(framed, (self._host, self._port))
                return
            # Octet counting (RFC 5425 4.3): what is inside may hold any byte.
            self._connected().sendall(f"{len(framed)} ".encode() + framed)
        except OSError as error:
            self.close()
            raise TransientError("the audit repository does not answer", code="audit") from error

    def close(self) -> None:
        """Close the connection; the next message opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> socket.socket:
        if self._connection is None:
            opened = socket.create_connection((self._host, self._port), timeout=_SECONDS)
            if self._context is not None:
                opened = self._context.wrap_socket(opened, server_hostname=self._host)
            self._connection = opened
        return self._connection


def channels(settings: AuditSettings) -> list[Channel]:
    """Return every channel the settings ask for.

    Raises
    ------
    ConfigurationError
        A setting cannot be used.
    """
    found: list[Channel] = []
    if settings.file is not None:
        found.append(FileChannel(settings.file))
    if settings.syslog:
        found.append(SyslogChannel(settings))
    return found
