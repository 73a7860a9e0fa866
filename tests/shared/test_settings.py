from pathlib import Path

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


def test_without_a_password_file_the_address_stays_as_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/cutis.db"

    assert Settings(database_url=url).database_address() == url
