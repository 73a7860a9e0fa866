"""Settings of the dispatcher, prefix ``CUTIS_DISPATCHER_``."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DispatcherSettings(BaseSettings):
    """When a study is complete, which site rules hold, how often the dispatcher looks."""

    model_config = SettingsConfigDict(env_prefix="CUTIS_DISPATCHER_", frozen=True)

    quiet_seconds: float = Field(default=60.0, ge=0)
    max_age_seconds: float = Field(default=1800.0, gt=0)
    rules_file: Path | None = None
    tick_seconds: float = Field(default=0.5, gt=0)
    sweep_seconds: float = Field(default=5.0, gt=0)
