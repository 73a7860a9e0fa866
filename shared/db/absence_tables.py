"""Absence tables: which revisions were looked at for what did not run."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.declarative import Base


class AbsenceReport(Base):
    """When a revision was last looked at for what did not run, and what the PACS was told."""

    __tablename__ = "absence_report"

    revision_id: Mapped[int] = mapped_column(ForeignKey("study_revision.id"), primary_key=True)
    considered_at: Mapped[datetime]
    sop_instance_uid: Mapped[str | None]  # null: nothing was missing, or it could not be told
    code: Mapped[str] = mapped_column(default="")
    reason: Mapped[str] = mapped_column(Text, default="")
