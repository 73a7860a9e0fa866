"""What the commands print for people can be copied."""

import io

import pytest
from rich.console import Console

from services.local.terminal import print_table, terminal

_UID = "1.2.826.0.1.3680043.10.511.3." + "7" * 35
_COLUMNS = ("job", "state", "study", "why")
_ROW = ("0f" * 16, "done", _UID, "so many words that a line of a terminal does not hold them all")


def _printed(width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_table(console, "Jobs", _COLUMNS, [_ROW])
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 80, 130, 300])
def test_a_uid_is_never_broken(width: int) -> None:
    printed = _printed(width)
    assert _UID in printed
    assert _ROW[0] in printed
    assert "done" in printed


def test_sentences_give_way_to_uids() -> None:
    assert _ROW[3] not in _printed(140)
    assert _ROW[3] in _printed(300)


def test_a_table_that_is_too_wide_leaves_the_console_as_it_was() -> None:
    console = Console(file=io.StringIO(), width=80)
    print_table(console, "Jobs", _COLUMNS, [_ROW])
    assert console.width == 80


def test_a_table_may_be_empty() -> None:
    console = Console(file=io.StringIO(), width=80)
    print_table(console, "Jobs", _COLUMNS, [])


def test_a_pipe_has_no_edge(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(terminal(), "Jobs", _COLUMNS, [_ROW])
    assert _ROW[3] in capsys.readouterr().out
