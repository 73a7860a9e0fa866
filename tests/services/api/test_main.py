import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from sqlalchemy import select

from shared.db.tables import Process
from tests.database import sqlite_database

START_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def started(folder: Path, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "services.api"],
        env={**os.environ, "CUTIS_DATABASE_URL": f"sqlite:///{folder / 'cutis.db'}", **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(url: str) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx2.get(url).raise_for_status()
        except httpx2.HTTPError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.1)
        else:
            return


def test_it_serves_until_it_is_told_to_stop_and_says_goodbye(tmp_path: Path) -> None:
    port = free_port()
    with (
        sqlite_database(tmp_path) as database,
        started(tmp_path, CUTIS_API_PORT=str(port)) as process,
    ):
        wait_for(f"http://127.0.0.1:{port}/healthz")
        with database.read() as session:
            assert session.scalars(select(Process.role)).all() == ["api"]

        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=START_SECONDS)

        assert process.returncode == 0
        with database.read() as session:
            assert session.scalars(select(Process)).all() == []
        assert all(json.loads(line)["service"] == "api" for line in log.splitlines())


def test_a_wrong_setting_stops_the_start_with_its_reason(tmp_path: Path) -> None:
    missing = {"CUTIS_API_KEY_FILE": str(tmp_path / "missing")}
    with sqlite_database(tmp_path), started(tmp_path, **missing) as process:
        _, log = process.communicate(timeout=START_SECONDS)

    assert process.returncode == 1
    assert "API key file cannot be read" in json.loads(log.splitlines()[-1])["reason"]
