"""Redis over TLS: Celery and our own checks believe the authorities of SSL_CERT_FILE, no others."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as library

from services.local.ports import free_ports
from services.local.ready import redis_answers
from services.local.redis import find_redis
from shared.broker import make_broker, publish
from shared.messages import WRITE_RESULTS_TASK, WRITER_QUEUE
from shared.settings import Settings
from tests.certificates import Authority
from tests.integration.running import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def url(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a Redis that speaks TLS only."""
    pair, port = authority.issue("redis", "localhost"), free_ports({"it": 0})["it"]
    command = [find_redis(), "--bind", "127.0.0.1", "--port", "0", "--tls-port", str(port)]
    command += ["--tls-cert-file", str(pair.certificate), "--tls-key-file", str(pair.key)]
    command += ["--tls-ca-cert-file", str(authority.certificate), "--tls-auth-clients", "no"]
    command += ["--save", "", "--dir", str(tmp_path_factory.mktemp("redis"))]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            found = f"rediss://localhost:{port}/0"
            looks = f"{found}?ssl_ca_certs={authority.certificate}"
            assert until(lambda: redis_answers(looks), 20)
            yield found
        finally:
            process.terminate()


def test_messages_go_over_tls_to_whom_the_sites_authorities_know(
    url: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    settings = Settings(redis_url=url)

    with make_broker(settings) as app:
        publish(app, WRITE_RESULTS_TASK, WRITER_QUEUE, {"job_id": "1"})
    with library.Redis.from_url(settings.broker_url()) as client:
        assert client.llen(f"{settings.redis_key_prefix}{WRITER_QUEUE}") == 1


def test_a_redis_that_strangers_vouch_for_gets_no_message(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path).certificate))

    with (
        make_broker(Settings(redis_url=url)).connection_for_write() as connection,
        pytest.raises(connection.connection_errors, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        connection.connect()
