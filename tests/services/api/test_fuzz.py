"""Whatever our own OpenAPI allows, and much that it does not, gets an answer and never a 500."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import one_of
from pydantic import SecretStr

from services.api.app import create_app
from services.api.settings import ApiSettings
from shared.settings import Settings
from tests.database import sqlite_database
from tests.services.api.conftest import HEADERS, KEY, SPEC
from tests.services.api.rows import done, frozen, routed

LIMITS = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def api_schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("fuzz")
    with sqlite_database(folder) as database:
        with database.write() as session:
            (job,) = routed(session, frozen(session, "1.2.3"), "layers")
            done(session, job.id)
        app = create_app(
            database,
            Settings(database_url=database.url, spool=folder / "spool"),
            ApiSettings(key=SecretStr(KEY), burst_requests=10**9, allowed_hosts=("*",)),
            models={"layers": SPEC},
            ping_broker=lambda: None,
        )
        yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)


def test_no_request_makes_the_api_fail(api_schema: Any) -> None:
    """Each operation gets requests of every kind; not by pytest's plug-in, which pytest 9 broke."""
    tried: Counter[str] = Counter()

    for found in api_schema.get_all_operations():
        operation = found.ok()

        @LIMITS
        @given(case=strategy(operation))
        def ask(case: Any) -> None:
            answer = case.call(headers=HEADERS)
            tried[case.operation.label] += 1
            assert answer.status_code < 500, (case.method, case.formatted_path, answer.status_code)

        ask()

    assert len(tried) >= 15
    assert all(count >= 1 for count in tried.values())


def strategy(operation: Any) -> Any:
    """Valid and invalid values in equal parts."""
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    return one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))
