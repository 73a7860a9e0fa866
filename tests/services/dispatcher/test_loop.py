"""What one tick of the dispatcher does."""

from datetime import timedelta

from sqlalchemy import select, update

from services.dispatcher.loop import Dispatcher
from services.dispatcher.retention import Retention
from services.dispatcher.rules import SiteRules
from services.dispatcher.settings import DispatcherSettings, RetentionSettings
from shared.broker import make_broker
from shared.db.engine import Database, clock
from shared.db.processes import beat
from shared.db.tables import Process
from shared.settings import Settings
from shared.spool import Spool
from tests.services.dispatcher.catalogue import CATALOGUE


def test_the_sweep_forgets_processes_killed_long_ago(database: Database, spool: Spool) -> None:
    with database.write() as session:
        beat(session, "worker")
        session.flush()
        session.execute(update(Process).values(seen_at=clock(session) - timedelta(hours=2)))
    settings = Settings(database_url=database.url)
    dispatcher = Dispatcher(
        database=database,
        broker=make_broker(settings),
        settings=settings,
        dispatcher_settings=DispatcherSettings(),
        catalogue=CATALOGUE,
        rules=SiteRules(),
        retention=Retention(database, spool, RetentionSettings()),
    )

    dispatcher.tick()

    with database.read() as session:
        assert session.scalars(select(Process.role)).all() == ["dispatcher"]
