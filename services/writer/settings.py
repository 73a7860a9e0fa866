"""Settings of the writer, prefix ``CUTIS_WRITER_``."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

StackEncoding = Literal["binary", "labelmap-rle"]
"""How a SEG of many frames is stored: one bit a pixel and segment, or a compressed label map."""


class WriterSettings(BaseSettings):
    """How many jobs are written side by side, and how large segmentations are stored."""

    model_config = SettingsConfigDict(env_prefix="CUTIS_WRITER_", frozen=True)

    concurrency: int = Field(default=2, ge=1)
    stack_encoding: StackEncoding = "binary"
