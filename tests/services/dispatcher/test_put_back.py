"""A removal that dies half-way takes nothing that somebody needs."""

import time
from collections.abc import Iterator

import pytest

from services.dispatcher.retention import Retention
from services.dispatcher.settings import RetentionSettings
from shared.db.engine import Database
from shared.spool import Spool
from shared.states import JobState
from tests.services.dispatcher.kept import Kept, make_old


class Killed(BaseException):
    pass


def remove_and_die(spool: Spool, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Die between the rename and the second look at the age of the file."""
    once = iter([time.time()])

    def looked_at_once(times: Iterator[float] = once) -> float:
        for now in times:
            return now
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(time, "time", looked_at_once)
        with pytest.raises(Killed):
            spool.remove_old(key, 600)


def test_a_removal_that_was_killed_gives_back_what_was_written_meanwhile(
    database: Database, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(database, spool)
    kept.end(JobState.FAILED)  # somebody needs all three
    orphan = spool.write_by_digest("instances", b"never committed").key
    make_old(spool)
    for key in (kept.source.key, kept.findings.key, kept.result.key, orphan):
        remove_and_die(spool, key, monkeypatch)
    assert kept.files() == []
    retention = Retention(database, spool, RetentionSettings())

    retention.put_back()

    assert len(kept.files()) == 3
    assert not spool.path(orphan).exists(), "no row knows it"
    assert retention.remove_orphans() == 1


def test_what_was_written_again_since_is_not_replaced(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = spool.write_by_digest("instances", b"pixels").key
    make_old(spool)
    remove_and_die(spool, key, monkeypatch)
    ((_, own_key),) = spool.files_aside("instances")
    assert own_key == key

    spool.write_by_digest("instances", b"pixels")

    assert list(spool.files_aside("instances")) == []
