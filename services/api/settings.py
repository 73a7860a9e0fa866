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
    """

    model_config = SettingsConfigDict(env_prefix="CUTIS_API_", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    key: SecretStr = SecretStr("")
    key_file: Path | None = None
    viewer_url: str = ""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("viewer_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        return check_template(value)

    def hosts(self) -> tuple[str, ...]:
        """Return the host names that requests may be addressed to; ``*`` is any."""
        if self.allowed_hosts:
            return self.allowed_hosts
        return _LOOPBACK if self.host in {*_LOOPBACK, "::1"} else ("*",)
