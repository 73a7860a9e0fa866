"""Settings of the listener, prefix ``CUTIS_LISTENER_``."""

import socket
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.listener.budget import COPIES

MEBIBYTE = 1024 * 1024


class ListenerSettings(BaseSettings):
    """Where the listener listens, whom it lets in, and how much it takes.

    Lists are written with commas: ``CUTIS_LISTENER_ALLOWED_AE_TITLES=ORTHANC,VECTRA``. Both lists
    must let a sender in; an empty list lets nobody in.

    With ``tls_certificate`` only TLS is spoken; with ``tls_client_authorities`` every sender needs
    a certificate of theirs, and that must name the sender's AE title. Where certificates carry
    host names, ``tls_names`` says which: ``ORTHANC=pacs.example,VECTRA=vectra.example``.

    ``memory_bytes`` is for all messages together, each of them twice; the memory limit of the
    container must leave 300 MiB beside it.
    """

    model_config = SettingsConfigDict(env_prefix="CUTIS_LISTENER_", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=11112, ge=1, le=65535)
    name: str = ""
    allowed_ae_titles: Annotated[tuple[str, ...], NoDecode] = ()
    allowed_addresses: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = (
        ip_network("127.0.0.0/8"),
        ip_network("::1/128"),
    )
    min_free_bytes: int = Field(default=2048 * MEBIBYTE, ge=0)
    max_instance_bytes: int = Field(default=320 * MEBIBYTE, gt=0)
    memory_bytes: int = Field(default=640 * MEBIBYTE, gt=0)
    max_associations: int = Field(default=64, ge=1)
    max_connections_per_address: int = Field(default=16, ge=1)
    max_pdu: int = Field(default=128 * 1024, ge=4096, le=16 * MEBIBYTE)
    request_seconds: float = Field(default=10.0, gt=0)
    pdu_seconds: float = Field(default=10.0, gt=0)
    message_seconds: float = Field(default=300.0, gt=0)
    idle_seconds: float = Field(default=60.0, gt=0)
    drain_seconds: float = Field(default=30.0, ge=0)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_authorities: Path | None = None
    tls_bind_ae_titles: bool = True
    tls_names: Annotated[dict[str, frozenset[str]], NoDecode] = Field(default_factory=dict)

    @field_validator("allowed_ae_titles", "allowed_addresses", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("tls_names", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names: dict[str, set[str]] = {}
        for pair in value.split(","):
            title, equals, name = pair.partition("=")
            if not equals and pair.strip():
                raise ValueError("must be AE-TITLE=name, with commas between")
            if equals:
                names.setdefault(title.strip(), set()).add(name.strip())
        return names

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.memory_bytes < COPIES * self.max_instance_bytes:
            raise ValueError("memory_bytes must be at least twice max_instance_bytes")
        return self

    def listener_name(self) -> str:
        """Return the name our association rows carry: stable over restarts, unique per process."""
        return self.name or f"{socket.gethostname()}:{self.port}"


class ReconcileSettings(BaseSettings):
    """What is pulled from Orthanc because it never came: off while ``url`` is empty.

    ``url`` is the root of Orthanc's REST API; credentials and TLS are those of ``CUTIS_PACS_…``.
    ``grace_seconds`` must be longer than Orthanc's StableAge and the sending of a study together,
    else studies are pulled that are just about to be sent (harmless, but work done twice).
    ``modalities`` and ``ae_titles`` (who sent it to Orthanc) say what may be pulled; empty: all.
    """

    model_config = SettingsConfigDict(env_prefix="CUTIS_LISTENER_RECONCILE_", frozen=True)

    url: str = ""
    seconds: float = Field(default=10.0, gt=0)
    grace_seconds: float = Field(default=300.0, ge=0)
    compare_seconds: float = Field(default=3600.0, gt=0)
    days: float = Field(default=3.0, ge=0)
    longest_pause_seconds: float = Field(default=300.0, gt=0)
    modalities: Annotated[frozenset[str], NoDecode] = frozenset()
    ae_titles: Annotated[frozenset[str], NoDecode] = frozenset()

    @field_validator("modalities", "ae_titles", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(part.strip() for part in value.split(",") if part.strip())
        return value

    def pacs_name(self) -> str:
        """Return the name our rows know this archive by: no scheme, no credentials."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port or ''}{parts.path.rstrip('/')}"
