"""Settings of the API, prefix ``CUTIS_API_``."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.api.links import check_template

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class ApiSettings(BaseSettings):
    """Where the API listens, which keys may change things, where the viewer is.

    ``key`` is one key, ``key_file`` a file with one key a line (``#`` starts a comment); both
    may be set. Without any, nothing can be changed through the API. ``viewer_url`` is the
    address of a result in the site's viewer, with ``{study_instance_uid}`` where the study's UID
    goes and, in the query, ``{series_instance_uid}`` for the series of the result; left empty,
    nothing links to a viewer. OHIF's is
    ``https://…/viewer?StudyInstanceUIDs={study_instance_uid}&initialSeriesInstanceUID={series_instance_uid}``.
    ``allowed_hosts`` are the host names clients may use, with commas; left empty, a service on
    loopback answers only to loopback names (no DNS rebinding), any other to every name.

    ``reading_needs_key`` left unset, reading is free on loopback only. A caller may ask
    ``requests_per_second`` times a second, ``burst_requests`` at once. ``trusted_proxies`` are the
    addresses whose ``X-Forwarded-For`` is believed. With ``oidc_issuer`` (and ``oidc_audience``,
    and the issuer's JWKS in a file or at an address) bearer tokens are accepted whose claim
    ``oidc_claim`` holds ``cutis:read``, ``cutis:operate`` or ``cutis:admin``.
    """

    model_config = SettingsConfigDict(env_prefix="CUTIS_API_", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    key: SecretStr = SecretStr("")
    key_file: Path | None = None
    viewer_url: str = ""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()

    reading_needs_key: bool | None = None
    publish_openapi: bool = True
    requests_per_second: float = Field(default=50.0, gt=0)
    burst_requests: int = Field(default=200, ge=1)
    max_body_bytes: int = Field(default=64 * 1024, ge=0)
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_keys_file: Path | None = None
    oidc_keys_url: str = ""
    oidc_claim: str = "scope"

    @field_validator("allowed_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("oidc_keys_url")
    @classmethod
    def _over_tls(cls, value: str) -> str:
        # Whoever can change these keys on their way can log in as anybody.
        if value and not value.startswith("https://"):
            raise ValueError("must start with https://")
        return value

    @field_validator("viewer_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        return check_template(value)

    def hosts(self) -> tuple[str, ...]:
        """Return the host names that requests may be addressed to; ``*`` is any."""
        if self.allowed_hosts:
            return self.allowed_hosts
        return _LOOPBACK if self._is_local() else ("*",)

    def reading_is_gated(self) -> bool:
        """Say whether reading takes a key."""
        return not self._is_local() if self.reading_needs_key is None else self.reading_needs_key

    def _is_local(self) -> bool:
        return self.host in {*_LOOPBACK, "::1"}
