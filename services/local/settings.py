"""Settings of the pipeline on one machine, prefix ``CUTIS_LOCAL_``, and the environment itself."""

import os
import sys
from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class LocalSettings(BaseSettings):
    """Where the pipeline keeps its files and which ports it takes; port 0 is any free one.

    ``viewer`` starts the viewer too, and has the status page link to it.
    ``redis_url`` set means that Redis runs elsewhere and is not started here. The quiet time is
    how long a study must be silent before it counts as complete; ``stable_seconds`` is how long
    Orthanc waits before it sends a study on.
    """

    model_config = SettingsConfigDict(
        env_prefix="CUTIS_LOCAL_", frozen=True, extra="ignore", populate_by_name=True
    )

    data: Path = Field(default=Path("var"), validation_alias=AliasChoices("CUTIS_DATA"))
    redis_url: str = Field(
        default="", validation_alias=AliasChoices("CUTIS_REDIS_URL", "REDIS_URL")
    )
    database_url: str = Field(default="", validation_alias=AliasChoices("CUTIS_DATABASE_URL"))
    listener_port: int = Field(default=0, ge=0, le=65535)
    api_port: int = Field(default=0, ge=0, le=65535)
    orthanc_http_port: int = Field(default=0, ge=0, le=65535)
    orthanc_dicom_port: int = Field(default=0, ge=0, le=65535)
    viewer_port: int = Field(default=0, ge=0, le=65535)
    orthanc: bool = True
    viewer: bool = False
    quiet_seconds: float = Field(default=60.0, gt=0)
    stable_seconds: int = Field(default=60, ge=1)
    worker_ready_seconds: float = Field(default=180.0, gt=0)
    longest_restart_seconds: float = Field(default=30.0, gt=0)


class ToolSettings(BaseSettings):
    """What the commands read: the folder a pipeline runs in, and where downloads are kept."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    data: Path = Field(default=Path("var"), validation_alias=AliasChoices("CUTIS_DATA"))
    cache: Path = Field(
        default_factory=lambda: _user_cache() / "cutis",
        validation_alias=AliasChoices("CUTIS_CACHE"),
    )


class ElsewhereSettings(BaseSettings):
    """Where a pipeline runs that ``cutis up`` did not start, prefix ``CUTIS_TOOLS_``.

    Set where the commands run beside the services of another machine or in a container; the PACS,
    the database and Redis are those of the services' own settings. ``orthanc_url`` is for showing.
    """

    model_config = SettingsConfigDict(env_prefix="CUTIS_TOOLS_", frozen=True)

    api_url: str = ""
    api_key_file: Path | None = None
    listener_host: str = "127.0.0.1"
    listener_port: int = Field(default=11112, ge=1, le=65535)
    orthanc_url: str = ""
    viewer_url: str = ""


def environment() -> dict[str, str]:
    """Return a copy of this process's environment, to hand to a child."""
    return dict(os.environ)


def search_path() -> str:
    """Return where programs are looked for: ``PATH``, and where Debian keeps its servers.

    A user's ``PATH`` leaves out the ``sbin`` folders, and Orthanc is in one of them.
    """
    own = str(Path(sys.executable).parent)
    return os.pathsep.join(
        [os.environ.get("PATH", os.defpath), own, "/usr/sbin", "/usr/local/sbin"]
    )


def _user_cache() -> Path:
    given = os.environ.get("XDG_CACHE_HOME")
    return Path(given) if given else Path.home() / ".cache"
