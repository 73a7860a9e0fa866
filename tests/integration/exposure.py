"""What a running pipeline shows to others: its listening sockets and what it leaves behind."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydicom.dataset import Dataset
from sqlalchemy import MetaData, select

from shared.db.engine import Database

_IDENTITY = {
    "PatientName": "Canaryfamily^Canarygiven",
    "PatientBirthDate": "19010203",
    "PatientAddress": "Canary street",
    "AccessionNumber": "CANARYACC",
    "ReferringPhysicianName": "Canarydoctor",
    "InstitutionName": "Canary hospital",
    "OperatorsName": "Canaryoperator",
}
_DESIGNATED = {("instance", "manifest")}
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


def name_canary(dataset: Dataset, patient: str = "4711") -> None:
    """Give ``dataset`` the names and dates that must be found nowhere but in DICOM."""
    for keyword, value in _IDENTITY.items():
        setattr(dataset, keyword, value)
    dataset.PatientID = f"CANARY{patient}"


def names_canary(left: Iterable[tuple[str, bytes]]) -> list[str]:
    """Return which of these texts, each with what it is called, have any of the canary's names."""
    return [name for name, text in left if b"canary" in text.lower() or b"19010203" in text]


def texts(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Return every regular file below ``folder`` with its content."""
    for parent, _, names in os.walk(folder):
        for path in (Path(parent) / name for name in sorted(names)):
            with contextlib.suppress(FileNotFoundError):  # what runs on may remove its own
                if path.is_file() and not path.is_symlink():
                    yield str(path.relative_to(folder)), path.read_bytes()


def rows(database: Database) -> Iterator[tuple[str, bytes]]:
    """Return every column of every table with its values, but those meant for names."""
    tables = MetaData()
    tables.reflect(database.engine)
    with database.read() as session:
        for table in tables.sorted_tables:
            for column in table.columns:
                if (table.name, column.name) not in _DESIGNATED:
                    values = session.execute(select(column)).all()
                    yield f"{table.name}.{column.name}", repr(values).encode()


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
