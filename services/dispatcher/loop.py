"""Loop: freeze, route, relay, sweep; everything is read from the database, nothing is kept."""

import threading
import time
from collections.abc import Mapping

import structlog
from celery import Celery
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy.exc import SQLAlchemyError

from services.dispatcher.jobs import NewRevisions
from services.dispatcher.retention import Retention
from services.dispatcher.rules import SiteRules
from services.dispatcher.settings import DispatcherSettings
from shared.broker import publish
from shared.db.engine import Database
from shared.db.jobs import RetryPolicy, recover_lost
from shared.db.outbox import owe_again, relay
from shared.db.processes import beat, forget_silent, say_goodbye
from shared.db.studies import freeze_complete_studies
from shared.failpoints import failpoint
from shared.pulse import Pulse
from shared.settings import Settings
from shared.stage import retry_policy
from shared.vital import vital_thread
from workers.contract import ModelSpec

log = structlog.get_logger()


class Dispatcher:
    """One dispatcher; a second one beside it is harmless."""

    def __init__(
        self,
        *,
        database: Database,
        broker: Celery,
        settings: Settings,
        dispatcher_settings: DispatcherSettings,
        catalogue: Mapping[str, ModelSpec],
        rules: SiteRules,
        retention: Retention,
    ) -> None:
        self._database = database
        self._broker = broker
        self._settings = settings
        self._own = dispatcher_settings
        self._revisions = NewRevisions(database, catalogue, rules)
        self._retention = retention
        self._policy: RetryPolicy = retry_policy(settings)
        self._swept_at = float("-inf")
        self._pulse = Pulse(settings.pulse_file)

    def run(self, stop: threading.Event) -> None:
        """Tick until ``stop``; a database or broker that is away is waited for."""
        # Beside the loop: removing many files takes long, and no study may wait for it.
        retention = vital_thread(lambda: self._retention.run(stop), name="retention", stopping=stop)
        retention.start()
        while not stop.is_set():
            try:
                self.tick()
                self._pulse.beat()
            except SQLAlchemyError as error:
                log.warning("database_unavailable", error=type(error).__name__)
                stop.wait(2.0)
            except (BrokerError, ConnectionError, TimeoutError) as error:
                log.warning("broker_unavailable", error=type(error).__name__)
                stop.wait(2.0)
            stop.wait(self._own.tick_seconds)
        retention.join(timeout=10)
        with self._database.write() as session:
            say_goodbye(session, "dispatcher")

    def tick(self) -> None:
        """Do everything that is due now, once."""
        with self._database.write() as session:
            freeze_complete_studies(
                session,
                quiet_seconds=self._own.quiet_seconds,
                max_age_seconds=self._own.max_age_seconds,
            )
            failpoint("dispatcher.before-freeze-commit")
        failpoint("dispatcher.after-freeze")
        self._revisions.route()
        failpoint("dispatcher.after-route")
        if time.monotonic() - self._swept_at >= self._own.sweep_seconds:
            self._sweep()
            self._swept_at = time.monotonic()
        relay(self._database, lambda *message: publish(self._broker, *message))

    def _sweep(self) -> None:
        with self._database.write() as session:
            lost = recover_lost(session, self._policy)
            unclaimed = owe_again(session, self._settings.publish_lease_seconds)
            beat(session, "dispatcher")
            forgotten = forget_silent(session)
            failpoint("dispatcher.before-sweep-commit")
        failpoint("dispatcher.after-sweep")
        if forgotten:
            log.warning("silent_processes_forgotten", processes=forgotten)
        if lost or unclaimed:
            log.warning("swept", leases_lost=lost, messages_unclaimed=unclaimed)
