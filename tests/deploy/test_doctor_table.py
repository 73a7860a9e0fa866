"""The doctor's table in docs/operations.md quotes what the doctor says: all of it, nothing else."""

import ast
import inspect
import re
from types import ModuleType

from services.local import doctor, hops, readback, ready, trial
from tests.deploy.test_compose_config import part_of

TABLE = part_of("## What the doctor says, and what to do")
_ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TABLE.splitlines()
    if line.startswith("|")
][2:]
_TOO_SHORT = 8
"""A constant below that is punctuation between two values."""


def said(module: ModuleType) -> list[list[str]]:
    """Return every text by which a hop or the self-test tells of a problem, as constant pieces."""
    tree = ast.parse(inspect.getsource(module))
    found: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "HopError":
            found += node.args
        elif isinstance(node, ast.FunctionDef) and node.name == "problems":
            texts = [one for line in node.body[1:] for one in ast.walk(line)]
            found += [one for one in texts if isinstance(one, ast.JoinedStr | ast.Constant)]
        elif isinstance(node, ast.FunctionDef) and node.name == "echo_status":
            found += [one for one in ast.walk(node) if isinstance(one, ast.Return)]
    return [pieces for one in found if (pieces := _pieces(one))]


def _pieces(expression: ast.AST) -> list[str]:
    constants = [
        one.value
        for one in ast.walk(expression)
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    ]
    return [one.strip(" :;,()") for one in constants if len(one.strip(" :;,()")) >= _TOO_SHORT]


def quoted() -> set[str]:
    """Return the pieces that the table sets in italics; `…` stands for a value."""
    cells = " ".join(row[1] for row in _ROWS)
    return {
        piece.strip()
        for one in re.findall(r"(?<!\w)\*([^*]+)\*(?!\w)", cells)
        for piece in one.split("…")
        if piece.strip()
    }


def test_whatever_a_hop_says_of_a_problem_is_in_the_table() -> None:
    pages = " ".join(quoted())

    for module in (hops, ready, trial):
        texts = said(module)
        assert len(texts) > 2, module.__name__
        for pieces in texts:
            assert max(pieces, key=len) in pages, (module.__name__, pieces)


def test_the_table_quotes_nothing_that_nobody_says() -> None:
    whole = "\n".join(inspect.getsource(one) for one in (hops, readback, ready, trial))

    assert {one for one in quoted() if one not in whole} == set()


def test_every_hop_has_its_row() -> None:
    names = set(re.findall(r'name="([^"]+)"', inspect.getsource(doctor)))
    rows = ", ".join(row[0] for row in _ROWS)

    assert {one for one in names if one not in rows} == set()
    assert all(one in rows for one in ("dispatcher", "worker", "writer", "self-test"))
