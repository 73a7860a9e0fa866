"""Settings of the writer, prefix ``CUTIS_WRITER_``."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class WriterSettings(BaseSettings):
    """How many jobs are written side by side."""

    model_config = SettingsConfigDict(env_prefix="CUTIS_WRITER_", frozen=True)

    concurrency: int = Field(default=2, ge=1)
