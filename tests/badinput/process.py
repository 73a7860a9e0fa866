"""A real listener process, and what it costs."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from shared.db.declarative import Base
from shared.db.engine import Database
from shared.spool import Spool
from tests.database import sqlite_database

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process holds: bytes of memory now and at most, threads, descriptors.

    Descriptors of the database do not count: its pool grows with the first crowd and is bounded
    (SQLAlchemy's default: 5 connections kept, 10 more for a moment, which SQLite closes late).
    """

    resident: int
    peak: int
    threads: int
    descriptors: int

    def __str__(self) -> str:
        return (
            f"resident {self.resident / MEBIBYTE:.0f} MiB, peak {self.peak / MEBIBYTE:.0f} MiB, "
            f"threads {self.threads}, descriptors {self.descriptors}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerProcess:
    """A listener that runs as a process of its own."""

    pid: int
    port: int
    database: Database
    spool: Spool
    log: Path

    def cost(self) -> Cost:
        """Read what the process holds now."""
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines()
        )
        return Cost(
            resident=int(status["VmRSS"].split()[0]) * 1024,
            peak=int(status["VmHWM"].split()[0]) * 1024,
            threads=int(status["Threads"]),
            descriptors=sum("cutis.db" not in one for one in self._descriptors()),
        )

    def _descriptors(self) -> Iterator[str]:
        for one in Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                yield str(one.readlink())

    def settled_cost(self, seconds: float = 30) -> Cost:
        """Return what the process holds once its threads stay few, or after ``seconds``."""
        eventually(lambda: self.cost().threads <= 6, seconds)
        return self.cost()

    def count(self, table: type[Base], *where: Any) -> int:
        """Count rows."""
        with self.database.read() as session:
            query = select(func.count()).select_from(table).where(*where)
            return session.scalar(query) or 0


@contextmanager
def running_listener(folder: Path, spool: Path | None = None, **own: Any) -> Iterator[Any]:
    """Run ``python -m services.listener`` in ``folder``; ``own`` are its settings by name."""
    port, spool = free_port(), spool or folder / "spool"
    log = folder / "listener.log"
    with sqlite_database(folder) as database, log.open("wb") as stderr:
        chosen = {
            "port": port,
            "allowed_ae_titles": "PACS",
            "min_free_bytes": 0,
            "request_seconds": 2,
            "pdu_seconds": 2,
            "idle_seconds": 20,
            "drain_seconds": 0.2,
            **own,
        }
        environment = {
            **os.environ,
            "CUTIS_DATABASE_URL": database.url,
            "CUTIS_SPOOL": str(spool),
            "CUTIS_HEARTBEAT_SECONDS": "0.5",
            **{f"CUTIS_LISTENER_{name.upper()}": str(value) for name, value in chosen.items()},
        }
        command = [sys.executable, "-m", "services.listener"]
        process = subprocess.Popen(command, env=environment, stderr=stderr)
        try:
            assert eventually(lambda: b"listening" in log.read_bytes(), 60), log.read_text()
            yield ListenerProcess(
                pid=process.pid, port=port, database=database, spool=Spool(spool), log=log
            )
            assert process.poll() is None, log.read_text()[-3000:]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    assert process.returncode == 0


def log_lines(log: Path) -> list[dict[str, Any]]:
    """Return what the process logged; every line must be JSON."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(check: Callable[[], bool], seconds: float = 30) -> bool:
    """Wait until ``check`` holds; ``False`` if it never does."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
