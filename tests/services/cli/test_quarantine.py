"""The commands of the quarantine, against a client that only writes down what it was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from services.cli import quarantine
from services.cli.app import app

HELD = {
    "id": 7,
    "state": "held",
    "reason": "cut",
    "calling_ae_title": "PACS",
    "received_at": "2026-11-21",
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []

    @contextmanager
    def client(_data: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(
            quarantined=lambda: [HELD],
            decide_on_quarantined=lambda number, action: found.append((number, action)),
        )

    monkeypatch.setattr(quarantine, "client_of", client)
    return found


def test_what_was_set_aside_is_listed_with_its_reason(asked: list[tuple[int, str]]) -> None:
    result = CliRunner().invoke(app, ["quarantine", "list"])

    assert result.exit_code == 0, result.output
    for word in ("7", "held", "cut", "PACS"):
        assert word in result.output
    assert asked == []


@pytest.mark.parametrize("action", ["release", "discard"])
def test_an_operator_decides(asked: list[tuple[int, str]], action: str) -> None:
    result = CliRunner().invoke(app, ["quarantine", action, "7"])

    assert result.exit_code == 0, result.output
    assert asked == [(7, action)]
