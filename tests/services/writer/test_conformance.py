"""The conformance statement keeps up with the code."""

from pathlib import Path

from pydicom.sr.coding import Code

from shared.dicom import codes

STATEMENT = Path(__file__).parents[3] / "docs" / "conformance.md"


def test_every_private_code_is_in_the_dictionary_with_its_meaning() -> None:
    private = {
        f"| `{one.value}` | {one.meaning} |"
        for one in vars(codes).values()
        if isinstance(one, Code) and one.scheme_designator == codes.SCHEME
    }
    listed = {
        line[: line.index("|", line.index("|", 2) + 1) + 1]
        for line in STATEMENT.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `") and line[3:4].isupper()
    }
    assert private == listed
