"""The commands of queues, against a client that only writes down what it was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from services.cli import queues
from services.cli.app import app

QUEUE = {"name": "layers", "paused": True, "waiting": 3, "delayed": 0, "running": 1}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    @contextmanager
    def client(_data: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(
            queues=lambda: [QUEUE],
            control_queue=lambda name, action: found.append((name, action)),
        )

    monkeypatch.setattr(queues, "client_of", client)
    return found


def test_queues_are_listed_with_their_state(asked: list[tuple[str, str]]) -> None:
    result = CliRunner().invoke(app, ["queues", "list"])

    assert result.exit_code == 0, result.output
    assert "layers" in result.output
    assert "paused" in result.output
    assert asked == []


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_a_queue_is_paused_and_resumed(asked: list[tuple[str, str]], action: str) -> None:
    result = CliRunner().invoke(app, ["queues", action, "layers"])

    assert result.exit_code == 0, result.output
    assert asked == [("layers", action)]
