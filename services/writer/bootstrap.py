"""Bootstrap: wires the writer."""

from celery import Celery

from services.writer.absence_reporter import AbsenceReporter
from services.writer.history import History, PacsArchive
from services.writer.settings import WriterSettings
from services.writer.tasks import WriteStage, register
from shared.broker import make_broker
from shared.db.engine import Database
from shared.dicom.decoder import Decoder
from shared.pacs import make_pacs
from shared.settings import PacsSettings, Settings
from shared.spool import Spool
from shared.stage import StageRunner
from shared.states import Stage


def bootstrap(
    settings: Settings,
    pacs_settings: PacsSettings,
    writer_settings: WriterSettings,
    decoder: Decoder,
) -> tuple[Celery, Database, AbsenceReporter | None]:
    """Return the broker to consume from, the database, and who reports absences where wanted."""
    database = Database(settings.database_address())
    broker = make_broker(settings)
    pacs = make_pacs(pacs_settings, settings.ae_title)
    spool = Spool(settings.spool)
    own = writer_settings
    history = None
    if own.compare_previous and pacs_settings.dicomweb_url:
        history = History(database, PacsArchive(pacs_settings, settings.ae_title), pacs)
    stage = WriteStage(
        database,
        spool,
        pacs,
        stack_encoding=own.stack_encoding,
        extra_roles=own.extra_roles(),
        history=history,
        decode=decoder.middle_frame,
    )
    register(broker, StageRunner(database, settings, Stage.WRITE, "writer"), stage)
    if writer_settings.absence == "page":
        return broker, database, None
    wait_seconds = writer_settings.absence_wait_seconds
    return broker, database, AbsenceReporter(database, spool, pacs, wait_seconds)
