from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from shared.settings import Settings


def test_the_password_of_the_database_comes_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "postgres"
    file.write_text("p@ss/word:1\n")
    settings = Settings(
        database_url="postgresql+psycopg://cutis@db:5432/cutis", database_password_file=file
    )

    url = make_url(settings.database_address())

    assert (url.username, url.password, url.host, url.port) == ("cutis", "p@ss/word:1", "db", 5432)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://r:6379/0", "redis://cutis:p%40ss@r:6379/0"),
        ("rediss://r/0", "rediss://cutis:p%40ss@r/0?ssl_cert_reqs=required"),
        ("rediss://r/0?a=b", "rediss://cutis:p%40ss@r/0?a=b&ssl_cert_reqs=required"),
        ("rediss://r/0?ssl_cert_reqs=none", "rediss://cutis:p%40ss@r/0?ssl_cert_reqs=none"),
    ],
)
def test_redis_over_tls_has_to_show_a_certificate(tmp_path: Path, url: str, expected: str) -> None:
    file = tmp_path / "redis"
    file.write_text("p@ss\n")
    settings = Settings(redis_url=url, redis_username="cutis", redis_password_file=file)

    assert settings.broker_url() == expected


@pytest.mark.parametrize("url", ["redis://r:6379/0", "memory://", "unix:///run/redis.sock"])
def test_without_tls_and_a_password_file_the_address_of_redis_stays_as_it_is(url: str) -> None:
    assert Settings(redis_url=url).broker_url() == url


def test_without_a_password_file_the_address_stays_as_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/cutis.db"

    assert Settings(database_url=url).database_address() == url
