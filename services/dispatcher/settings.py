"""Settings of the dispatcher, prefixes ``CUTIS_DISPATCHER_`` and ``CUTIS_RETENTION_``."""

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


class RetentionSettings(BaseSettings):
    """How many hours files stay on the spool; 0: for ever.

    ``instances_hours`` counts from the last image and the last job of a study, ``results_hours``
    and ``findings_hours`` from the end of the job, ``quarantine_hours`` from the arrival of what an
    operator discarded, ``orphans_hours`` from the last change of a file that no row knows.
    ``messages_hours`` is for rows, not files: messages that were sent for jobs that ended.
    """

    model_config = SettingsConfigDict(env_prefix="CUTIS_RETENTION_", frozen=True)

    instances_hours: float = Field(default=168.0, ge=0)
    findings_hours: float = Field(default=168.0, ge=0)
    results_hours: float = Field(default=168.0, ge=0)
    quarantine_hours: float = Field(default=720.0, ge=0)
    orphans_hours: float = Field(default=24.0, ge=0)
    messages_hours: float = Field(default=168.0, ge=0)
    sweep_seconds: float = Field(default=60.0, gt=0)
    search_seconds: float = Field(default=3600.0, gt=0)
