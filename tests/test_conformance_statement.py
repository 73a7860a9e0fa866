"""The conformance statement keeps up with the code."""

from pathlib import Path

from pydicom.datadict import tag_for_keyword
from pydicom.sr.coding import Code

from services.listener import admission
from services.listener.contexts import TRANSFER_SYNTAXES
from services.listener.storage import Status
from shared.dicom import codes
from shared.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from tests.services.writer.written_attributes import ROLES, written_attributes

STATEMENT = (Path(__file__).parents[1] / "docs" / "conformance.md").read_text(encoding="utf-8")


def _table(heading: str) -> list[list[str]]:
    """Return the cells of the table below the header row that starts with ``heading``."""
    lines = STATEMENT.splitlines()
    first = next(k for k, line in enumerate(lines) if line.startswith(f"| {heading} |")) + 2
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def test_every_private_code_is_in_the_dictionary_with_its_meaning() -> None:
    private = {
        (f"`{one.value}`", one.meaning)
        for one in vars(codes).values()
        if isinstance(one, Code) and one.scheme_designator == codes.SCHEME
    }
    assert private == {(code, meaning) for code, meaning, _ in _table("code")}


def test_the_transfer_syntaxes_are_those_we_negotiate_in_their_order() -> None:
    assert _table("transfer syntax") == [[one.name, str(one)] for one in TRANSFER_SYNTAXES]


def test_every_rejection_is_listed_with_its_numbers() -> None:
    refusals = [one for one in vars(admission).values() if isinstance(one, admission.Refusal)]
    assert _table("rejected because") == [
        [one.reason, str(one.result), str(one.source), str(one.diagnostic)] for one in refusals
    ]


def test_every_status_is_listed() -> None:
    assert {row[0] for row in _table("status")} == {f"0x{one.value:04X}" for one in Status}


def test_we_say_who_we_are() -> None:
    assert f"`{IMPLEMENTATION_CLASS_UID}`" in STATEMENT
    assert f"`{IMPLEMENTATION_VERSION_NAME}`" in STATEMENT


def test_the_attributes_of_every_object_are_listed(tmp_path: Path) -> None:
    written = written_attributes(tmp_path)
    shared = set.intersection(*written.values())
    expected = {"every object": shared} | {f"`{one}`": written[one] - shared for one in ROLES}
    assert _table("object") == [
        [name, ", ".join(sorted(keywords, key=lambda one: tag_for_keyword(one) or 0))]
        for name, keywords in expected.items()
    ]
