"""Ready: how to tell that a program does its work, by asking it for a little of that work."""

import socket
from collections.abc import Callable

import httpx
import redis
from pynetdicom import VerificationPresentationContexts
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from shared.db.engine import Database
from shared.db.tables import Process
from shared.transport import Requestor

TOOL_AE_TITLE = "CUTIS_TOOLS"
"""The AE title the commands call with; the local listener lets it in."""


def redis_answers(url: str) -> bool:
    """Say whether Redis at ``url`` answers a ping with our password."""
    client = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def page_answers(url: str, auth: tuple[str, str] | None = None) -> bool:
    """Say whether ``url`` answers with success."""
    try:
        return httpx.get(url, auth=auth, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def is_open(host: str, port: int) -> bool:
    """Say whether somebody listens there; pynetdicom leaks a socket for each failed try."""
    try:
        with socket.create_connection((host, port), timeout=5):
            return True
    except OSError:
        return False


def echo_status(host: str, port: int, called: str, calling: str = TOOL_AE_TITLE) -> str:
    """Return ``""`` when a C-ECHO succeeds, else one phrase that says how it failed."""
    if not is_open(host, port):
        return f"nothing answers at {host}:{port}"
    entity = Requestor(calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    entity.connection_timeout = 5
    entity.requested_contexts = VerificationPresentationContexts
    association = entity.associate(host, port, ae_title=called)
    if association.is_rejected:
        return f"refused {calling} (called as {called})"
    if not association.is_established:
        return f"no DICOM is spoken at {host}:{port}"
    try:
        status = association.send_c_echo()
    finally:
        association.release()
    code = status.get("Status")
    return "" if code == 0 else f"answered C-ECHO with {code}"


def process_is_known(database_url: str, role: str) -> Callable[[int], bool]:
    """Return a check whether the process with a given id has recorded itself as ``role``."""

    def check(pid: int) -> bool:
        database = Database(database_url)
        try:
            with database.read() as session:
                query = select(Process.name).where(Process.role == role, Process.pid == pid)
                return session.scalars(query).first() is not None
        except SQLAlchemyError:
            return False
        finally:
            database.dispose()

    return check
