"""Settings of the writer, prefix ``CUTIS_WRITER_``."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

StackEncoding = Literal["binary", "labelmap-rle"]
"""How a SEG of many frames is stored: one bit a pixel and segment, or a compressed label map."""

ExtraRole = Literal["pdf", "pr"]

Absence = Literal["page", "report"]
"""Where it is said that a study was not analysed: on the status page, or in the PACS as well."""


class WriterSettings(BaseSettings):
    """How many jobs are written side by side, and what a site may have otherwise.

    A study that was not analysed completely is reported on once it was settled for
    ``absence_wait_seconds``: an operator may retry until then. ``memory_bytes`` bounds the process,
    and for itself the one that decodes for it (0: no bound), which has ``decoder_seconds`` for an
    image.
    """

    model_config = SettingsConfigDict(env_prefix="CUTIS_WRITER_", frozen=True)

    concurrency: int = Field(default=2, ge=1)
    stack_encoding: StackEncoding = "binary"
    memory_bytes: int = Field(default=8 * 2**30, ge=0)
    decoder_seconds: float = Field(default=300.0, gt=0)
    pdf_summary: bool = False
    contours: bool = False
    compare_previous: bool = True
    absence: Absence = "page"
    absence_wait_seconds: float = Field(default=120.0, ge=0)
    absence_sweep_seconds: float = Field(default=30.0, gt=0)

    def extra_roles(self) -> frozenset[ExtraRole]:
        """Return which results the site wants beside those that every site gets."""
        wanted: dict[ExtraRole, bool] = {"pdf": self.pdf_summary, "pr": self.contours}
        return frozenset(role for role, set_ in wanted.items() if set_)
