"""A consumer that lives and takes no message ends its process, so that it is started again."""

import subprocess
import sys
from pathlib import Path

import pytest
import redis as library

from services.local.ports import free_ports
from services.local.redis import find_redis
from shared.broker import make_broker, publish
from shared.messages import WRITE_RESULTS_TASK, WRITER_QUEUE
from shared.settings import Settings
from shared.stall import STATUS
from tests.integration.running import until

pytestmark = pytest.mark.integration


@pytest.mark.timeout(300)
def test_a_consumer_that_went_deaf_ends_itself_and_leaves_the_message(tmp_path: Path) -> None:
    port = free_ports({"redis": 0})["redis"]
    url = f"redis://127.0.0.1:{port}/0"
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen([find_redis(), *options], stdout=subprocess.DEVNULL) as server:
        try:
            until(lambda: _answers(url))
            status, said = _run_deaf(url, tmp_path / "deaf.log")
            with library.Redis.from_url(url) as client:
                waiting = client.llen(f"cutis:{WRITER_QUEUE}")
        finally:
            server.terminate()

    assert (status, waiting) == (STATUS, 1)
    assert "consumer_stalled" in said


def _run_deaf(url: str, log: Path) -> tuple[int, str]:
    """Let a deaf consumer be sent one message; return its exit status and what it logged."""
    command = [sys.executable, "-m", "tests.integration.deaf", url]
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as consumer,
    ):
        try:
            assert consumer.stdout is not None
            # What Celery itself prints comes before.
            assert any(line == "deaf\n" for line in consumer.stdout), log.read_text()[-2000:]
            broker = make_broker(Settings(redis_url=url))
            publish(broker, WRITE_RESULTS_TASK, WRITER_QUEUE, {"job_id": "0" * 32})
            broker.close()
            said = consumer.stdout.read()
            return consumer.wait(120), said + log.read_text()
        finally:
            consumer.kill()


def _answers(url: str) -> bool:
    try:
        with library.Redis.from_url(url) as client:
            return bool(client.ping())
    except library.ConnectionError:
        return False
