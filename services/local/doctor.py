"""Doctor: tries every hop of a running pipeline by using it, and says what to do."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict

from services.local import hops
from services.local.addresses import Addresses
from services.local.redis import redis_url
from services.local.secret_files import Secrets, read_secret
from services.local.settings import LocalSettings
from services.local.trial import Outcome, self_test
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
    database = Database(addresses.database_url or Settings().database_address())
    try:
        return [_try(hop) for hop in _hops(addresses, database)]
    finally:
        database.dispose()


def try_all(addresses: Addresses, timeout_seconds: float) -> list[Verdict]:
    """Send new phantom studies through the whole pipeline; one verdict for each.

    Raises
    ------
    CutisError
        The studies could not be sent, or the API could not be asked.
    """
    with TemporaryDirectory(prefix="cutis-self-test-") as folder:
        outcomes = self_test(addresses, Path(folder), timeout_seconds)
    how = "read back" if addresses.pacs.dicomweb_url else "found there by C-FIND"
    return [_verdict(one, how) for one in outcomes]


def _verdict(outcome: Outcome, how: str) -> Verdict:
    name, problems = f"self-test, {outcome.kind}", outcome.problems()
    if problems:
        advice = f"`cutis jobs` says why; the study is {outcome.study_instance_uid}"
        return Verdict(hop=name, ok=False, detail="; ".join(problems), advice=advice)
    models = ", ".join(sorted(job["model"] for job in outcome.jobs))
    return Verdict(hop=name, ok=True, detail=f"{models}: {len(outcome.read_back)} results {how}")


def _try(hop: Hop) -> Verdict:
    try:
        return Verdict(hop=hop.name, ok=True, detail=hop.attempt())
    except hops.HopError as error:
        return Verdict(hop=hop.name, ok=False, detail=str(error), advice=hop.advice)


def _hops(addresses: Addresses, database: Database) -> list[Hop]:
    pacs, listener, log_of = addresses.pacs, addresses.listener, addresses.log_of
    redis = _redis_of(addresses)
    auth = (pacs.username, _pacs_password(addresses))
    return [
        Hop(
            name="PACS, C-ECHO",
            attempt=lambda: hops.echo(pacs.dicom),
            advice=f"is Orthanc up, is its DICOM port right? see {log_of('orthanc')}",
        ),
        Hop(
            name="PACS, search",
            attempt=lambda: hops.pacs_is_searched(pacs, auth, listener.ae_title),
            advice="check CUTIS_PACS_DICOMWEB_URL, the user and the password file",
        ),
        Hop(
            name="jobs that wait for the PACS",
            attempt=lambda: hops.pacs_takes_results(database),
            advice=f"put that right for the writer; they go on by themselves; {log_of('writer')}",
        ),
        Hop(
            name="listener, C-ECHO",
            attempt=lambda: hops.echo(listener),
            advice=f"check CUTIS_LISTENER_ALLOWED_AE_TITLES and {log_of('listener')}",
        ),
        Hop(
            name="PACS to listener, C-ECHO",
            attempt=lambda: hops.pacs_echoes_us(addresses.orthanc, auth, pacs, listener),
            advice="does the PACS know our AE title, host and port, and do we let in its own?",
        ),
        Hop(
            name="Redis",
            attempt=lambda: hops.redis_takes_messages(redis),
            advice=f"check CUTIS_REDIS_URL; Redis must run with noeviction; {log_of('redis')}",
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
                advice=f"it restarts by itself; if not, see {log_of(role)}",
            )
            for role in ("dispatcher", "worker", "writer")
        ),
        Hop(
            name="Ray actors",
            attempt=lambda: hops.actors_live(database),
            advice=f"see {log_of('worker')}; is there enough memory?",
        ),
        Hop(
            name="weights",
            attempt=hops.weights_are_ours,
            advice="install Cutis again: a weights file is missing or was changed",
        ),
        Hop(
            name="API",
            attempt=lambda: hops.api_is_ready(addresses.api),
            advice=f"see {log_of('api')}",
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
