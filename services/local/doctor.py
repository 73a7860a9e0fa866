"""Doctor: tries every hop of a running pipeline by using it, and says what to do."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from services.local import hops
from services.local.addresses import Addresses
from services.local.redis import redis_url
from services.local.secret_files import Secrets, read_secret
from services.local.settings import LocalSettings
from shared.db.engine import Database
from shared.settings import PacsSettings, Settings


class Verdict(BaseModel):
    """What one hop did when it was tried; ``advice`` is empty when it worked."""

    model_config = ConfigDict(frozen=True)

    hop: str
    ok: bool
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One thing to try. ``attempt`` returns what it found or raises ``hops.HopError``."""

    name: str
    attempt: Callable[[], str]
    advice: str


def examine(addresses: Addresses) -> list[Verdict]:
    """Try every hop of the pipeline at ``addresses``; one verdict each, in the path's order."""
    database = Database(addresses.database_url or Settings().database_url)
    try:
        return [_try(hop) for hop in _hops(addresses, database)]
    finally:
        database.dispose()


def _try(hop: Hop) -> Verdict:
    try:
        return Verdict(hop=hop.name, ok=True, detail=hop.attempt())
    except hops.HopError as error:
        return Verdict(hop=hop.name, ok=False, detail=str(error), advice=hop.advice)


def _hops(addresses: Addresses, database: Database) -> list[Hop]:
    data, pacs, listener = addresses.data, addresses.pacs, addresses.listener
    logs = data / "logs"
    redis = _redis_of(addresses)
    auth = (pacs.username, _pacs_password(addresses))
    return [
        Hop(
            name="PACS, C-ECHO",
            attempt=lambda: hops.echo(pacs.dicom),
            advice=f"is Orthanc up, is its DICOM port right? see {logs / 'orthanc.log'}",
        ),
        Hop(
            name="PACS, DICOMweb",
            attempt=lambda: hops.dicomweb(pacs.dicomweb_url, auth),
            advice="check CUTIS_PACS_DICOMWEB_URL, the user and the password file",
        ),
        Hop(
            name="listener, C-ECHO",
            attempt=lambda: hops.echo(listener),
            advice=f"check CUTIS_LISTENER_ALLOWED_AE_TITLES and {logs / 'listener.log'}",
        ),
        Hop(
            name="PACS to listener, C-ECHO",
            attempt=lambda: hops.pacs_echoes_us(addresses.orthanc, auth, pacs.dicom, listener),
            advice="does the PACS know our AE title, host and port, and do we let in its own?",
        ),
        Hop(
            name="Redis",
            attempt=lambda: hops.redis_takes_messages(redis),
            advice=f"check CUTIS_REDIS_URL; Redis must run with noeviction; {logs / 'redis.log'}",
        ),
        Hop(
            name="database",
            attempt=lambda: hops.database_is_ours(database),
            advice="run `python -m shared.db.migrate` with CUTIS_DATABASE_URL set",
        ),
        Hop(
            name="spool",
            attempt=lambda: hops.disk_takes_bytes(addresses.spool),
            advice=f"free space on the disk of {addresses.spool}, check its owner",
        ),
        *(
            Hop(
                name=role,
                attempt=lambda role=role: hops.process_lives(database, role),  # type: ignore[misc]
                advice=f"it restarts by itself; if not, see {logs / role}.log",
            )
            for role in ("dispatcher", "worker", "writer")
        ),
        Hop(
            name="Ray actors",
            attempt=lambda: hops.actors_live(database),
            advice=f"see {logs / 'worker.log'}; is there enough memory?",
        ),
        Hop(
            name="weights",
            attempt=hops.weights_are_ours,
            advice="install Cutis again: a weights file is missing or was changed",
        ),
        Hop(
            name="API",
            attempt=lambda: hops.api_is_ready(addresses.api),
            advice=f"see {logs / 'api.log'}",
        ),
    ]


def _redis_of(addresses: Addresses) -> str:
    if addresses.redis_port == 0:
        given = LocalSettings().redis_url
        return (Settings(redis_url=given) if given else Settings()).broker_url()
    return redis_url(addresses.redis_port, Secrets(addresses.data).redis_password())


def _pacs_password(addresses: Addresses) -> str:
    file = addresses.pacs.password_file
    return PacsSettings().secret() if file is None else read_secret(file)
