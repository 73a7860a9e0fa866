"""TLS: both ends of the BCP 195 TLS profile of DICOM (PS3.15 B.12, RFC 9325).

TLS 1.2 or later; below 1.3 only suites with ephemeral keys and authenticated encryption.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ConfigurationError

_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files: our certificate (with its chain) and key, and whom we believe."""

    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context of a server; with ``authorities`` every client needs a certificate.

    Raises
    ------
    ConfigurationError
        A file is missing or cannot be used.
    """
    if files.certificate is None:
        raise ConfigurationError("a TLS server needs a certificate", code="tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _restrict(context)
    _load(context, files)
    if files.authorities is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context of a client, which believes the system's authorities without others.

    The server's name must be in its certificate. With ``certificate`` we show our own.

    Raises
    ------
    ConfigurationError
        A file is missing or cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _restrict(context)
    _load(context, files)
    if files.authorities is None:
        context.load_default_certs()
    return context


def _restrict(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION


def _load(context: ssl.SSLContext, files: TlsFiles) -> None:
    try:
        if files.certificate is not None:
            context.load_cert_chain(files.certificate, files.key)
        if files.authorities is not None:
            context.load_verify_locations(files.authorities)
    except OSError as error:  # an SSLError, which a file that is no PEM gives, is one
        reason = error.strerror or "not a certificate and its key in PEM"
        raise ConfigurationError(f"TLS files cannot be used: {reason}", code="tls") from error
