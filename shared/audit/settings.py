"""Settings of the audit trail, prefix ``CUTIS_AUDIT_``."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class AuditSettings(BaseSettings):
    """Where audit messages go: ``file``, ``syslog`` (``udp|tcp|tls://host:port``), both or none.

    ``settle_seconds`` is how old an event must be before it is sent: on PostgreSQL a transaction
    that began earlier may commit later, and its rows must not be passed over.
    """

    model_config = SettingsConfigDict(env_prefix="CUTIS_AUDIT_", frozen=True)

    file: Path | None = None
    syslog: str = ""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_authorities: Path | None = None
    settle_seconds: float = Field(default=30.0, ge=0)
