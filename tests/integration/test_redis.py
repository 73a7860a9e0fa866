"""A real Redis with our ACL file: what our user may do there, and what hostile messages do."""

import json
import os
import pickle
import subprocess
import sys
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis as library
from sqlalchemy import select

from services.local.ports import free_ports
from services.local.redis import USERNAME, redis_program
from services.local.settings import environment
from shared.broker import make_broker, publish
from shared.db.engine import Database
from shared.db.tables import Attempt
from shared.messages import WRITE_RESULTS_TASK, WRITER_QUEUE
from shared.settings import Settings
from shared.states import Stage
from tests.database import sqlite_database
from tests.services.api.rows import frozen, inferred, routed

pytestmark = pytest.mark.integration

PASSWORD = "a password/of:the@test"
QUEUE = f"cutis:{WRITER_QUEUE}"


def until(look: Callable[[], bool], seconds: float = 120) -> bool:
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    chosen = free_ports({"it": 0})["it"]
    program = redis_program(tmp_path_factory.mktemp("redis"), chosen, PASSWORD, environment())
    settings = Settings(
        redis_url=f"redis://127.0.0.1:{chosen}/0",
        redis_username=USERNAME,
        redis_password_file=_password(tmp_path_factory.mktemp("secret")),
    )
    with subprocess.Popen(program.command, stdout=subprocess.DEVNULL) as process:
        try:
            with library.Redis.from_url(settings.broker_url()) as client:
                assert until(lambda: answers(client))
            yield chosen
        finally:
            process.terminate()


def _password(folder: Path) -> Path:
    file = folder / "redis"
    file.write_text(PASSWORD + "\n", encoding="utf-8")
    return file


def answers(client: "library.Redis") -> bool:
    try:
        return bool(client.ping())
    except library.ConnectionError:
        return False


@pytest.fixture
def client(port: int, settings: Settings) -> Iterator["library.Redis"]:
    with library.Redis.from_url(settings.broker_url()) as opened:
        yield opened


@pytest.fixture
def settings(port: int, tmp_path: Path) -> Settings:
    return Settings(
        redis_url=f"redis://127.0.0.1:{port}/0",
        redis_username=USERNAME,
        redis_password_file=_password(tmp_path),
    )


def test_a_stranger_gets_nothing(port: int) -> None:
    with library.Redis(port=port) as stranger, pytest.raises(library.AuthenticationError):
        stranger.ping()
    with (
        library.Redis(port=port, username=USERNAME, password="wrong") as guesser,
        pytest.raises(library.AuthenticationError),
    ):
        guesser.ping()


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "another:key"),
        ("SET", "another:key", "x"),
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("SHUTDOWN",),
        ("MONITOR",),
        ("SUBSCRIBE", "x"),
        ("CLIENT", "KILL", "TYPE", "normal"),
        ("DEBUG", "SLEEP", "0"),
        ("SLAVEOF", "127.0.0.1", "1"),
        ("EVAL", "return redis.call('GET', 'another:key')", "0"),
    ],
    ids=lambda command: command[0],
)
def test_our_user_has_our_keys_and_no_power(
    client: "library.Redis", command: tuple[str, ...]
) -> None:
    with pytest.raises(library.ResponseError, match=r"(?i)permission|can.t access|not allowed"):
        client.execute_command(*command)  # type: ignore[no-untyped-call]


class Bomb:
    """Unpickling it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self._path),))


def message(body: bytes, content_type: str = "application/json", **headers: Any) -> bytes:
    """Return a message as kombu lays it into a Redis list."""
    task_id = uuid.uuid4().hex
    return json.dumps(
        {
            "body": b64encode(body).decode(),
            "content-encoding": "binary" if "python" in content_type else "utf-8",
            "content-type": content_type,
            "headers": {"lang": "py", "task": WRITE_RESULTS_TASK, "id": task_id, **headers},
            "properties": {
                "correlation_id": task_id,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": WRITER_QUEUE},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": uuid.uuid4().hex,
            },
        }
    ).encode()


def task(*arguments: Any, **named: Any) -> bytes:
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return json.dumps([list(arguments), named, embed]).encode()


def hostile(bomb: Path) -> list[bytes]:
    pickled = pickle.dumps(Bomb(bomb))
    return [
        message(pickled, "application/x-python-serialize"),
        message(b"!!python/object/apply:os.mkdir [x]", "application/x-yaml"),
        message(pickled),
        message(task(job_id="0" * 32), task="os.system"),
        message(task(job_id="0" * 32), task="celery.backend_cleanup"),
        message(task("0" * 32)),
        message(task(job_id=["a", "list"])),
        message(task(job_id="0" * 32, command="rm")),
        message(task(job_id="0" * 32, v=2)),
        message(task(job_id="' OR 1=1 --")),
        message(task(job_id="../../etc/passwd" * 10000)),
        message(b"[]"),
        message(b"{}"),
        message(b"null"),
        message(b"not json"),
        message(b""),
        b"not even a message",
        b"\xff\xfe",
        message(task(job_id="0" * 32), eta="never", expires="yesterday", retries="many"),
        message(task(job_id="0" * 32), id={"a": "mapping"}),
        json.dumps({"body": "x"}).encode(),
    ]


@contextmanager
def writer(settings: Settings, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {
        **os.environ,
        "CUTIS_DATABASE_URL": f"sqlite:///{folder / 'cutis.db'}",
        "CUTIS_SPOOL": str(folder / "spool"),
        "CUTIS_REDIS_URL": settings.redis_url,
        "CUTIS_REDIS_USERNAME": settings.redis_username,
        "CUTIS_REDIS_PASSWORD_FILE": str(settings.redis_password_file),
    }
    with (
        (folder / "writer.log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "services.writer"], env=environment, stderr=log
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def attempts(database: Database) -> int:
    with database.read() as session:
        return len(session.scalars(select(Attempt.id).where(Attempt.stage == Stage.WRITE)).all())


@pytest.mark.timeout(400)
def test_hostile_messages_are_refused_and_hurt_nothing(
    client: "library.Redis", settings: Settings, tmp_path: Path
) -> None:
    """Also: our own processes work with the few commands that the ACL file leaves them."""
    bomb, log = tmp_path / "bomb", tmp_path / "writer.log"
    with sqlite_database(tmp_path) as database, writer(settings, tmp_path) as process:
        with database.write() as session:
            (job,) = routed(session, frozen(session, "1.2.3"), "layers")
            inferred(session, job.id)
        for one in hostile(bomb):
            client.lpush(QUEUE, one)
        broker = make_broker(settings)
        publish(broker, WRITE_RESULTS_TASK, WRITER_QUEUE, {"job_id": job.id})
        broker.close()

        assert until(lambda: attempts(database) == 1 or process.poll() is not None)

        assert process.poll() is None, log.read_text()[-3000:]
        assert attempts(database) == 1, "the honest message after them was taken, and it alone"
    said = log.read_text()
    assert said.count("message_refused") == len(hostile(bomb))
    assert "os.system" not in said, "what strangers write is not repeated"
    assert "NOPERM" not in said
    assert not bomb.exists()
    assert not Path("x").exists()
    assert client.llen(QUEUE) == 0
