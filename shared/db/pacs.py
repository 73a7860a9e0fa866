"""PACS: what the reconciler remembers of an archive, and what we know of what that holds."""

from collections.abc import Collection, Iterable
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from shared.db.engine import clock
from shared.db.jobs import awaited_instances
from shared.db.lots import in_lots
from shared.db.pacs_tables import PacsInstance, PacsPosition
from shared.db.tables import Instance, Result

ROUNDS = 12
"""So often a job waits for images that the reconciler is to bring back: one and a half hours."""

_PUT_OFF = timedelta(minutes=1)
_LONGEST_PUT_OFF = timedelta(hours=6)

_AWAY = timedelta(minutes=10)
_GONE = timedelta(days=3)

_FOLLOWED = PacsInstance.pacs.in_(select(PacsPosition.pacs).where(PacsPosition.followed))


def position(session: Session, pacs: str) -> PacsPosition | None:
    """Return how far ``pacs`` was followed; ``None`` at the first start."""
    return session.get(PacsPosition, pacs)


def save_position(session: Session, pacs: str, change: int) -> None:
    """Record that every change up to ``change`` was seen."""
    row = session.get(PacsPosition, pacs)
    if row is None:
        now = clock(session)
        session.add(PacsPosition(pacs=pacs, change=change, seen_at=now, passed_at=now))
        return
    row.change, row.seen_at = change, clock(session)


def save_comparison(session: Session, pacs: str) -> None:
    """Record that the last days were compared in full, now."""
    session.get_one(PacsPosition, pacs).compared_at = clock(session)


def forget_comparison(session: Session, pacs: str) -> None:
    """Have the last days compared again."""
    session.get_one(PacsPosition, pacs).compared_at = None


def follow_only(session: Session, pacs: str | None) -> None:
    """Record that ``pacs`` is the archive that is followed; ``None``: that none is any more.

    A former one's figures count no longer. What is known of it stays: it may come back.
    """
    session.execute(update(PacsPosition).values(followed=PacsPosition.pacs == (pacs or "")))


def await_instances(session: Session, pacs: str, pacs_ids: Iterable[str], grace: timedelta) -> None:
    """Remember to look at these instances after ``grace``; those remembered keep their time."""
    due_at = clock(session) + grace
    for lot in in_lots(pacs_ids):
        ours = (PacsInstance.pacs == pacs, PacsInstance.pacs_id.in_(lot))
        known = set(session.scalars(select(PacsInstance.pacs_id).where(*ours)))
        session.add_all(
            PacsInstance(pacs=pacs, pacs_id=one, due_at=due_at) for one in lot if one not in known
        )


def due_instances(session: Session, pacs: str, limit: int) -> list[str]:
    """Return the archive's names of instances whose grace time is over, the oldest first."""
    return list(
        session.scalars(
            select(PacsInstance.pacs_id)
            .where(PacsInstance.pacs == pacs, PacsInstance.due_at <= clock(session))
            .order_by(PacsInstance.due_at, PacsInstance.id)
            .limit(limit)
        )
    )


def settle_instances(session: Session, pacs: str, pacs_ids: Collection[str]) -> None:
    """Forget instances that need no second look."""
    session.execute(
        delete(PacsInstance).where(PacsInstance.pacs == pacs, PacsInstance.pacs_id.in_(pacs_ids))
    )


def set_instance_aside(session: Session, pacs: str, pacs_id: str) -> None:
    """Never look at this instance again: its bytes lie in quarantine, or in conflict."""
    session.execute(
        update(PacsInstance)
        .where(PacsInstance.pacs == pacs, PacsInstance.pacs_id == pacs_id)
        .values(due_at=None)
    )


def put_instance_off(session: Session, pacs: str, pacs_id: str) -> None:
    """Look at this instance again later, and later each time: it could not be had just now."""
    row = session.scalars(
        select(PacsInstance)
        .where(PacsInstance.pacs == pacs, PacsInstance.pacs_id == pacs_id)
        .with_for_update()
    ).one_or_none()
    if row is not None and row.due_at is not None:
        row.due_at = clock(session) + min(_PUT_OFF * 2 ** min(row.failures, 20), _LONGEST_PUT_OFF)
        row.failures += 1


def put_instance_last(session: Session, pacs: str, pacs_id: str) -> None:
    """Look at this instance again after all others that are due: there was no room for it."""
    session.execute(
        update(PacsInstance)
        .where(PacsInstance.pacs == pacs, PacsInstance.pacs_id == pacs_id)
        .values(due_at=clock(session))
    )


def save_pass(session: Session, pacs: str) -> None:
    """Record that everything that was due has been looked at, now."""
    session.get_one(PacsPosition, pacs).passed_at = clock(session)


def count_put_off(session: Session) -> int:
    """Return how many instances of archives could not be had and are tried again."""
    waits = (PacsInstance.failures > 0, PacsInstance.due_at.is_not(None), _FOLLOWED)
    return session.scalar(select(func.count(PacsInstance.id)).where(*waits)) or 0


def count_overdue(session: Session) -> int:
    """Return how many instances of archives should have been looked at by now."""
    return (
        session.scalar(
            select(func.count(PacsInstance.id)).where(
                PacsInstance.due_at <= clock(session), _FOLLOWED
            )
        )
        or 0
    )


def seconds_since_pass(session: Session) -> float | None:
    """Return the age of the oldest archive's last full look; ``None`` where none was followed."""
    rows = session.scalars(select(PacsPosition).where(PacsPosition.followed)).all()
    # Before the first look at all: since when it was last heard of, which is its start at most.
    ages = [clock(session) - (one.passed_at or one.seen_at) for one in rows]
    return max((age.total_seconds() for age in ages), default=None)


def known_instances(session: Session, sop_instance_uids: Collection[str]) -> set[str]:
    """Return which of these SOP Instance UIDs were received before, or are our own results."""
    return {
        uid
        for table in (Instance, Result)
        for lot in in_lots(sop_instance_uids)
        for uid in session.scalars(
            select(table.sop_instance_uid).where(table.sop_instance_uid.in_(lot))
        )
    }


def removed_sources(session: Session) -> dict[str, tuple[str, str]]:
    """Return what waiting jobs need and retention has removed, by SOP Instance UID.

    Of each the digest of its bytes, and that of its data set whatever its encoding (empty where
    that is not known).
    """
    return {
        one.sop_instance_uid: (one.sha256, str(one.manifest.get("content_sha256", "")))
        for lot in in_lots(awaited_instances(session))
        for one in session.scalars(
            select(Instance).where(Instance.id.in_(lot), Instance.spool_key.is_(None))
        )
    }


def may_come_back(session: Session, attempt: int) -> bool:
    """Say whether a reconciler may still bring what retention removed, at this attempt of a job.

    It may take its time for a large study, and as long as its archive is away. Without one, or
    with an archive that does not have the images any more, a job must not wait for ever.
    """
    seen_at = session.scalar(select(func.max(PacsPosition.seen_at)))
    if seen_at is None:
        return False
    silence = clock(session) - seen_at
    return silence < _GONE and (attempt <= ROUNDS or silence > _AWAY)
