"""Bootstrap: wires the dispatcher."""

from services.dispatcher.loop import Dispatcher
from services.dispatcher.retention import Retention
from services.dispatcher.rules import read_rules
from services.dispatcher.settings import DispatcherSettings, RetentionSettings
from shared.broker import make_broker
from shared.db.engine import Database
from shared.settings import Settings
from shared.spool import Spool
from workers.catalog import models, weights_manifest


def bootstrap(settings: Settings, dispatcher_settings: DispatcherSettings) -> Dispatcher:
    """Return a dispatcher ready to run.

    Raises
    ------
    shared.errors.ConfigurationError
        The rules file is wrong, or a model has no weights: better at start than on a study.
    """
    catalogue = models()
    for name in catalogue:
        weights_manifest(name)
    database = Database(settings.database_address())
    return Dispatcher(
        database=database,
        broker=make_broker(settings),
        settings=settings,
        dispatcher_settings=dispatcher_settings,
        catalogue=catalogue,
        retention=Retention(database, Spool(settings.spool), RetentionSettings()),
        rules=read_rules(dispatcher_settings.rules_file, frozenset(catalogue)),
    )
