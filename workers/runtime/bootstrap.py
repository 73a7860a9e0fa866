"""Bootstrap: wires the runtime."""

from dataclasses import dataclass

from celery import Celery

from shared.broker import make_broker
from shared.db.engine import Database
from shared.settings import Settings
from shared.spool import Spool
from shared.stage import StageRunner
from shared.states import Stage
from workers.catalog import models
from workers.runtime.actors import ActorPool
from workers.runtime.settings import WorkerSettings
from workers.runtime.tasks import ModelStage, register


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A wired worker: what it consumes with, from which queues, on which actors."""

    broker: Celery
    database: Database
    pool: ActorPool
    queues: list[str]


def bootstrap(settings: Settings, worker_settings: WorkerSettings) -> Runtime:
    """Return a runtime ready to consume; Ray must be connected already."""
    database = Database(settings.database_address())
    broker = make_broker(settings)
    pool = ActorPool(worker_settings)
    stage = ModelStage(database, Spool(settings.spool), pool)
    register(broker, StageRunner(database, settings, Stage.MODEL, "worker"), stage)
    queues = sorted(worker_settings.models or models())
    return Runtime(broker=broker, database=database, pool=pool, queues=queues)
