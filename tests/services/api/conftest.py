from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from services.api.app import create_app
from services.api.settings import ApiSettings
from shared.db.engine import Database
from shared.dicom.codes import TISSUE, VIABLE_EPIDERMIS
from shared.settings import Settings
from workers.contract import Acceptance, ModelSpec, Segment

KEY = "a-key-of-the-operators"
HEADERS = {"X-API-Key": KEY}

Visit = Callable[..., TestClient]


@pytest.fixture
def visit(database: Database, tmp_path: Path) -> Visit:
    """Give a client of the API, with other settings where asked."""

    def open_client(ping: Callable[[], None] = lambda: None, **changes: object) -> TestClient:
        values: dict[str, object] = {"key": SecretStr(KEY)} | changes
        app = create_app(
            database,
            Settings(database_url=database.url, spool=tmp_path / "spool"),
            ApiSettings.model_validate(values),
            models={"layers": SPEC},
            ping_broker=ping,
        )
        return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)

    return open_client


@pytest.fixture
def client(visit: Visit) -> TestClient:
    return visit()


SPEC = ModelSpec(
    name="layers",
    version="1.0.0",
    title="Layers of the skin",
    accepts=(Acceptance(reason="an LC-OCT section"),),
    segments=(
        Segment(
            number=1,
            label="Epidermis",
            category=TISSUE,
            type=VIABLE_EPIDERMIS,
            colour=(220, 100, 130),
        ),
    ),
    training_data="phantoms only",
)
