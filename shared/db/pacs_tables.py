"""PACS tables: what the reconciler remembers of an archive. No identity, no UIDs."""

from datetime import datetime

from sqlalchemy import UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.declarative import Base


class PacsPosition(Base):
    """How far the reconciler has followed the change log of an archive."""

    __tablename__ = "pacs_position"

    pacs: Mapped[str] = mapped_column(primary_key=True)  # host, port and path of its REST API
    change: Mapped[int]
    compared_at: Mapped[datetime | None]  # when the last days were last compared in full
    seen_at: Mapped[datetime]
    passed_at: Mapped[datetime | None]  # when everything that was due had last been looked at
    followed: Mapped[bool] = mapped_column(default=True, server_default=true())


class PacsInstance(Base):
    """An instance of an archive that the reconciler still has to look at, or never will again.

    Those that turn out to be known, ours or excluded leave no row.
    """

    __tablename__ = "pacs_instance"
    __table_args__ = (UniqueConstraint("pacs", "pacs_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    pacs: Mapped[str]
    pacs_id: Mapped[str]  # the archive's own name for it
    due_at: Mapped[datetime | None] = mapped_column(index=True)  # null: pulled and set aside
    failures: Mapped[int] = mapped_column(default=0, server_default="0")  # each puts it off longer
