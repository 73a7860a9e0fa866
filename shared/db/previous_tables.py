"""Previous tables: with which earlier result a job's figures are compared."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.declarative import Base


class PreviousResult(Base):
    """What was found of a patient's earlier studies when a job was first written.

    Kept because the archive may say otherwise a moment later, and another attempt must write the
    same bytes. ``code`` says what came of it; figures are quantities, units and values.
    """

    __tablename__ = "previous_result"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), primary_key=True)
    considered_at: Mapped[datetime]
    code: Mapped[str]
    study_instance_uid: Mapped[str] = mapped_column(default="")
    series_instance_uid: Mapped[str] = mapped_column(default="")
    sop_instance_uid: Mapped[str] = mapped_column(default="")
    study_date: Mapped[str] = mapped_column(default="")
    site_stated: Mapped[bool] = mapped_column(default=False)
    figures: Mapped[list[Any]] = mapped_column(default=list)
