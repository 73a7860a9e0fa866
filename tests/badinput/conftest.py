"""Fixtures: one real listener process a module."""

import sys
from collections.abc import Iterator

import pydicom
import pytest

from tests.badinput.process import MEBIBYTE, ListenerProcess, running_listener
from tests.badinput.table import Rows, Show, in_columns


@pytest.fixture(scope="session", autouse=True)
def _as_in_production() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        mode = pydicom.config.IGNORE
        patch.setattr(pydicom.config.settings, "_reading_validation_mode", mode)
        yield


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ListenerProcess]:
    folder = tmp_path_factory.mktemp("listener")
    with running_listener(folder, max_instance_bytes=30 * MEBIBYTE, idle_seconds=4) as running:
        yield running


@pytest.fixture
def show(capfd: pytest.CaptureFixture[str]) -> Show:
    """Give a function that prints a table into the run's own output."""

    def print_table(title: str, rows: Rows) -> None:
        with capfd.disabled():
            sys.stdout.write(in_columns(title, rows))
            sys.stdout.flush()

    return print_table
