"""Settings: what every process reads from its environment, prefix ``CUTIS_``."""

from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class PacsSettings(BaseSettings):
    """The PACS that results go to, prefix ``CUTIS_PACS_``.

    ``tls`` speaks DICOM over TLS. ``tls_authorities`` (else the system's) say whom we believe, for
    DICOM and for https; ``tls_certificate`` and ``tls_key`` are what we show there.
    ``tls_server_name`` is the name in the archive's certificate where it is not ``host``.

    ``timeout_seconds`` is for one read or write; ``exchange_seconds`` for a request, all it sends
    and its whole answer.
    """

    model_config = SettingsConfigDict(env_prefix="CUTIS_PACS_", frozen=True)

    store_by: Literal["stow", "c-store"] = "stow"
    dicomweb_url: str = "http://127.0.0.1:8042/dicom-web"
    username: str = ""
    password: SecretStr = SecretStr("")
    password_file: Path | None = None
    ae_title: str = "ORTHANC"
    host: str = "127.0.0.1"
    port: int = 4242
    timeout_seconds: float = Field(default=60.0, gt=0)
    exchange_seconds: float = Field(default=900.0, gt=0)
    tls: bool = False
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_authorities: Path | None = None
    tls_server_name: str = ""

    def secret(self) -> str:
        """Return the password, read from ``password_file`` when that is set."""
        if self.password_file is not None:
            return self.password_file.read_text(encoding="utf-8").strip()
        return self.password.get_secret_value()


class Settings(BaseSettings):
    """What every process needs: database, broker, spool, names.

    ``spool_max_bytes`` is the most the spool may hold before the listener takes nothing more;
    0 sets no ceiling but the disk's (``CUTIS_LISTENER_MIN_FREE_BYTES``).

    Passwords are best kept in ``database_password_file`` and ``redis_password_file``: they then
    stand neither in the environment nor in an address.

    ``longest_stage_seconds`` is how long one stage of a job may take; what hangs for longer loses
    its lease, and its process ends, to be started again.

    ``pulse_file`` is touched after each round of work that ended well (``shared/pulse.py``).
    """

    model_config = SettingsConfigDict(env_prefix="CUTIS_", frozen=True, extra="ignore")

    database_url: str = "sqlite:///var/cutis.db"
    database_password_file: Path | None = None
    redis_url: str = "redis://127.0.0.1:6379/0"
    redis_username: str = ""
    redis_password_file: Path | None = None
    redis_key_prefix: str = "cutis:"
    spool: Path = Path("var/spool")
    pulse_file: Path | None = None
    spool_max_bytes: int = Field(default=0, ge=0)
    ae_title: str = "CUTIS"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    lease_seconds: float = Field(default=60.0, gt=0)
    longest_stage_seconds: float = Field(default=7200.0, gt=0)
    heartbeat_seconds: float = Field(default=15.0, gt=0)
    max_attempts: int = Field(default=3, ge=1)
    max_crashes: int = Field(default=3, ge=1)
    retry_backoff_seconds: float = Field(default=10.0, gt=0)
    publish_lease_seconds: float = Field(default=60.0, gt=0)
    stall_seconds: float = Field(default=60.0, gt=0)
    failpoints: str = ""  # for tests only: see shared/failpoints.py
    failpoint_marks: Path | None = None

    def database_address(self) -> str:
        """Return ``database_url`` with the password of ``database_password_file``."""
        if self.database_password_file is None:
            return self.database_url
        password = self.database_password_file.read_text(encoding="utf-8").strip()
        parts = urlsplit(self.database_url)
        user, _, host = parts.netloc.rpartition("@")
        name = user.partition(":")[0]
        return urlunsplit(parts._replace(netloc=f"{name}:{quote(password, safe='')}@{host}"))

    def broker_url(self) -> str:
        """Return ``redis_url`` with the user and the password of ``redis_password_file``.

        With ``rediss`` it says that certificates are required: Celery speaks TLS only where the
        address says so in its query.
        """
        url = self.redis_url
        parts = urlsplit(url)
        if parts.scheme == "rediss" and "ssl_cert_reqs=" not in parts.query:
            query = "&".join(filter(None, (parts.query, "ssl_cert_reqs=required")))
            parts = parts._replace(query=query)
            url = urlunsplit(parts)
        if self.redis_password_file is None:
            return url
        password = self.redis_password_file.read_text(encoding="utf-8").strip()
        user = f"{quote(self.redis_username, safe='')}:{quote(password, safe='')}"
        return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))
