"""Table: rows of text in columns."""

from collections.abc import Callable, Sequence

Rows = Sequence[Sequence[object]]
Show = Callable[[str, Rows], None]
"""Shows rows under a title, past pytest's capture (fixture ``show``)."""


def in_columns(title: str, rows: Rows) -> str:
    """Return rows in columns, under a title."""
    cells = [[str(one) for one in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(one.ljust(width) for one, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join(["", title, *(f"  {one}" for one in lines), ""])
