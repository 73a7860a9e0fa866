"""Images that retention removed: a job waits for them while somebody may bring them."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from shared.db.engine import Database, clock
from shared.db.pacs import ROUNDS, may_come_back, save_position
from shared.db.pacs_tables import PacsPosition
from shared.db.tables import Instance
from shared.errors import AwayError, TransientError
from shared.sources import source_paths
from shared.spool import Spool
from tests.shared.db.rows import receive


@pytest.mark.parametrize("patient", [True, False])
def test_only_images_that_may_come_back_are_waited_for_without_counting(
    patient: bool, database: Database, spool: Spool
) -> None:
    with database.write() as session:
        receive(session)
        row = session.scalars(select(Instance)).one()
        row.spool_key = None
        with pytest.raises(TransientError) as caught:
            source_paths(spool, [row], may_come_back=patient)
    assert caught.value.code == "source-removed"
    assert isinstance(caught.value, AwayError) is patient


@pytest.mark.parametrize(
    ("silence", "attempt", "patient"),
    [
        (timedelta(seconds=5), ROUNDS, True),
        (timedelta(seconds=5), ROUNDS + 1, False),  # the archive answers, and has them not
        (timedelta(hours=2), ROUNDS + 1, True),  # the archive is away
        (timedelta(days=4), 1, False),  # nobody reconciles any more
    ],
)
def test_they_may_come_back_while_a_reconciler_looks_for_them(
    silence: timedelta, attempt: int, patient: bool, database: Database
) -> None:
    with database.write() as session:
        assert not may_come_back(session, 1), "there is no reconciler"
        save_position(session, "pacs", 7)
        session.flush()
        session.execute(update(PacsPosition).values(seen_at=clock(session) - silence))
        assert may_come_back(session, attempt) is patient
