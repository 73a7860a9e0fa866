"""What a running pipeline shows to others: its listening sockets and what it leaves behind."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

_PROGRAMS = ("redis-server", "Orthanc", "gcs_server", "raylet")


@dataclass(frozen=True, order=True)
class OpenPort:
    """A listening TCP socket of a descendant of ``cutis up``."""

    program: str
    address: str
    port: int


def open_ports(pid: int) -> list[OpenPort]:
    """Return every TCP socket on which a descendant of ``pid`` listens."""
    found = set()
    for process in psutil.Process(pid).children(recursive=True):
        try:
            words, connections = process.cmdline(), process.net_connections(kind="tcp")
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        for one in connections:
            if one.status == psutil.CONN_LISTEN:
                found.add(OpenPort(_program(words), one.laddr.ip, one.laddr.port))
    return sorted(found)


def programs_of(pid: int) -> set[str]:
    """Return the names of the descendants of ``pid``, as :class:`OpenPort` has them."""
    found = set()
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            found.add(_program(process.cmdline()))
    return found


def texts(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Return every regular file below ``folder`` with its content."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(folder)), path.read_bytes()


def rows(database: Path, leave_out: set[tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
    """Return every column of every table with its values, but those of ``leave_out``."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for column in connection.execute(f"PRAGMA table_info({table})").fetchall():
                if (table, column[1]) not in leave_out:
                    values = connection.execute(f"SELECT {column[1]} FROM {table}").fetchall()
                    yield f"{table}.{column[1]}", repr(values).encode()
    connection.close()


def _program(words: list[str]) -> str:
    for word in words:
        if word.startswith("ray::"):
            return "ray actor"
        for known in _PROGRAMS:
            if Path(word).name.startswith(known):
                return known
    if "-m" in words:
        return words[words.index("-m") + 1]
    scripts = [Path(word).name for word in words if word.endswith(".py")]
    return f"ray {scripts[0]}" if scripts else " ".join(words[:2])
