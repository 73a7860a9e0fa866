"""Hops: one attempt each at what a part of the pipeline is for."""

import hashlib
import ssl
import time
import uuid
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import httpx
import redis
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from services.local.addresses import DicomAddress, PacsAddress
from services.local.readback import by_association
from services.local.ready import TOOL_AE_TITLE, echo_status
from shared.db.engine import Database, clock
from shared.db.migrate import Shape, shape
from shared.db.processes import beat
from shared.db.tables import Process
from shared.db.views import list_delays
from shared.errors import ConfigurationError, CutisError, ResourceError
from shared.spool import Spool
from workers.catalog import model_folder, models, weights_manifest

FRESH = timedelta(seconds=30)
"""A process that was silent for longer is taken for dead; they beat every 5 s."""

_MODALITY = "cutis"  # what deploy/orthanc calls our listener
_WELL = {"ready", "busy or starting"}
_GIBIBYTE = 1024**3
_LEAST_FREE_GIBIBYTES = 2.0


class HopError(Exception):
    """A hop did not do its work; the text says how."""


def echo(address: DicomAddress) -> str:
    """C-ECHO ``address`` with the AE title of our tools."""
    problem = echo_status(address.host, address.port, address.ae_title)
    if problem:
        raise HopError(problem)
    return f"{address.ae_title} at {address.host}:{address.port} answers {TOOL_AE_TITLE}"


def pacs_echoes_us(
    orthanc: str | None, auth: tuple[str, str], pacs: PacsAddress, listener: DicomAddress
) -> str:
    """Have the PACS C-ECHO our listener; where it cannot be asked to, do so in its name."""
    title = pacs.dicom.ae_title
    if orthanc is None:
        problem = echo_status(listener.host, listener.port, listener.ae_title, title)
        if problem:
            raise HopError(problem)
        return f"{listener.ae_title} answers {title} (called from here, in its name)"
    try:
        answer = httpx.post(
            f"{orthanc}/modalities/{_MODALITY}/echo",
            json={},
            auth=auth if auth[0] else None,
            timeout=30,
            trust_env=False,
            verify=_verify(pacs),
        )
    except httpx.HTTPError as error:
        raise HopError(f"{orthanc} does not answer ({type(error).__name__})") from error
    if not answer.is_success:
        raise HopError(f"{title} cannot C-ECHO {listener.ae_title}: {answer.status_code}")
    return f"{listener.ae_title} answers {title}, which called it"


def pacs_is_searched(pacs: PacsAddress, auth: tuple[str, str], ae_title: str) -> str:
    """Search as the writer does: by DICOMweb with our user, by C-FIND where there is none."""
    if pacs.dicomweb_url:
        return _dicomweb(pacs.dicomweb_url, auth, _verify(pacs))
    title = pacs.dicom.ae_title
    try:
        by_association(pacs, ae_title).has(*(f"2.25.{uuid.uuid4().int}" for _ in range(3)))
    except CutisError as error:
        raise HopError(f"{title} answers no C-FIND of {ae_title}: {error.reason}") from error
    return f"{title} answers a C-FIND of {ae_title}; it has no DICOMweb"


def _dicomweb(url: str, auth: tuple[str, str], verify: ssl.SSLContext | bool) -> str:
    try:
        answer = httpx.get(
            f"{url}/studies",
            params={"limit": "1"},
            headers={"Accept": "application/dicom+json"},
            auth=auth if auth[0] else None,
            timeout=15,
            trust_env=False,
            verify=verify,
        )
    except httpx.HTTPError as error:
        raise HopError(f"{url} does not answer ({type(error).__name__})") from error
    if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise HopError(f"{url} refuses user {auth[0] or '(none)'}")
    if not answer.is_success:
        raise HopError(f"{url} answers a search with status {answer.status_code}")
    return f"{url} answers a search"


def redis_takes_messages(url: str) -> str:
    """Write a key, read it back, and see that queues are never evicted."""
    client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
    key, value = f"cutis:doctor:{uuid.uuid4().hex}", uuid.uuid4().hex
    try:
        client.set(key, value, ex=60)
        got = client.get(key)
        client.delete(key)
        policy = _eviction_policy(client)
    except redis.RedisError as error:
        raise HopError(f"Redis does not take a message ({type(error).__name__})") from error
    finally:
        client.close()
    if got != value.encode():
        raise HopError("Redis gave back something else than was written")
    if policy not in {"noeviction", "unknown"}:
        raise HopError(f"Redis may evict queues: maxmemory-policy is {policy}")
    return f"write and read work, eviction policy {policy}"


def database_is_ours(database: Database) -> str:
    """Write a row and take it back; see that the schema is this version's."""
    try:
        found = shape(database)
        if found is Shape.OLDER:
            raise HopError("the schema is an older version's")
        with database.write() as session:
            beat(session, "doctor")
            session.flush()
            session.rollback()
    except SQLAlchemyError as error:
        raise HopError(f"the database refuses a write ({type(error).__name__})") from error
    schema = "schema current" if found is Shape.OURS else "schema of a newer version"
    return f"{database.engine.dialect.name}, {schema}, a write works"


def disk_takes_bytes(root: Path) -> str:
    """Write durably (fsync) into the spool, and see how much room is left."""
    spool = Spool(root)
    key = f"doctor/{uuid.uuid4().hex}"
    try:
        spool.write(key, b"durable")
        spool.remove(key)
        free = spool.free_bytes() / _GIBIBYTE
    except (ResourceError, OSError) as error:
        raise HopError(f"{root}: {error}") from error
    if free < _LEAST_FREE_GIBIBYTES:
        raise HopError(f"{free:.1f} GiB free: the listener refuses images below 2 GiB")
    return f"a durable write works, {free:.0f} GiB free"


def process_lives(database: Database, role: str) -> str:
    """See that a process of ``role`` was heard of a moment ago."""
    return f"{len(_fresh(database, role))} alive"


def actors_live(database: Database, patience: float = 15.0) -> str:
    """See that the workers' Ray actors are asked, and answer, after now.

    A worker calls each of its actors every 5 s and records what they said. What was recorded
    before now counts for nothing: Ray may have died since.
    """
    asked = _now(database)
    deadline = time.monotonic() + patience
    while min(one.seen_at for one in _fresh(database, "worker")) <= asked:
        if time.monotonic() >= deadline:
            raise HopError(f"a worker heard nothing from Ray for {patience:g} s")
        time.sleep(0.2)
    actors: dict[str, str] = {}
    for process in _fresh(database, "worker"):
        for name, about in process.details.get("actors", {}).items():
            actors[name] = str(about.get("state", "unknown"))
    if not actors:
        raise HopError("the worker reports no actor")
    broken = {name: state for name, state in actors.items() if state not in _WELL}
    if broken:
        raise HopError(", ".join(f"{name} is {state}" for name, state in broken.items()))
    return ", ".join(f"{name} {state}" for name, state in sorted(actors.items()))


def pacs_takes_results(database: Database) -> str:
    """Look for jobs that wait because the PACS is away from the writer, or turns it away."""
    try:
        with database.read() as session:
            delays = [one for one in list_delays(session) if one.code.startswith("pacs")]
    except SQLAlchemyError as error:
        raise HopError(f"the database does not answer ({type(error).__name__})") from error
    if delays:
        raise HopError("; ".join(f"{one.jobs} wait: {one.reason} ({one.code})" for one in delays))
    return "none"


def weights_are_ours() -> str:
    """Compare every weights file with the digest in its manifest."""
    checked = 0
    for name in models():
        try:
            manifest = weights_manifest(name)
        except ConfigurationError as error:
            raise HopError(error.reason) from error
        for file in manifest.files:
            path = model_folder(name) / "weights" / file.name
            if not path.is_file():
                raise HopError(f"{name}: {file.name} is missing")
            if hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
                raise HopError(f"{name}: {file.name} differs from its manifest")
            checked += 1
    return f"{checked} files of {len(models())} models match their digests"


def api_is_ready(url: str) -> str:
    """Ask the API whether it can work."""
    try:
        answer = httpx.get(f"{url}/readyz", timeout=10, trust_env=False)
    except httpx.HTTPError as error:
        raise HopError(f"{url} does not answer ({type(error).__name__})") from error
    if not answer.is_success:
        raise HopError(f"{url} is not ready: {answer.text[:300]}")
    return f"{url} is ready"


def _verify(pacs: PacsAddress) -> ssl.SSLContext | bool:
    try:
        return pacs.verify()
    except ConfigurationError as error:
        raise HopError(error.reason) from error


def _now(database: Database) -> datetime:
    try:
        with database.read() as session:
            return clock(session)
    except SQLAlchemyError as error:
        raise HopError(f"the database does not answer ({type(error).__name__})") from error


def _fresh(database: Database, role: str) -> list[Process]:
    try:
        with database.read() as session:
            rows = session.scalars(select(Process).where(Process.role == role)).all()
            now = clock(session)
    except SQLAlchemyError as error:
        raise HopError(f"the database does not answer ({type(error).__name__})") from error
    fresh = [row for row in rows if now - row.seen_at <= FRESH]
    if not fresh:
        raise HopError(f"no {role} was heard of in the last {FRESH.seconds} s")
    return fresh


def _eviction_policy(client: "redis.Redis") -> str:
    try:
        answer = client.info("memory")
    except redis.ResponseError:
        return "unknown"  # hosted Redis may forbid it
    return str(dict(answer).get("maxmemory_policy", "unknown"))
