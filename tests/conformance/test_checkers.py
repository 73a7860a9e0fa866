"""The list of exemptions is in order. The checks themselves: ``make conformance``."""

import pytest

from tests.conformance import checkers
from tests.conformance.__main__ import cell
from tests.conformance.checkers import CHECKERS, Exemption, ask, exemptions
from tests.conformance.inputs import INPUTS, series_of
from tests.factories import part10


def test_every_exemption_names_a_checker_and_gives_its_reason() -> None:
    for one in exemptions():
        assert one.checker in CHECKERS
        assert one.complaint
        assert one.when
        assert "PS3" in one.reason or one.reason.startswith("The same"), one


def test_a_complaint_counts_unless_it_is_exempt(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = Exemption(checker="mine", complaint="odd", when="1.2.3", reason="PS3")
    monkeypatch.setattr(checkers, "exemptions", lambda: (allowed,))
    monkeypatch.setitem(CHECKERS, "mine", lambda _: ["how odd", "how bad"])
    assert ask("mine", b"1.2.3") == (["how bad"], {allowed})
    assert ask("mine", b"1.2.4") == (["how odd", "how bad"], set())


def test_every_input_is_an_instance_of_its_own() -> None:
    images = [one for name in INPUTS for one in series_of(name)]
    assert len({one.SOPInstanceUID for one in images}) == len(images)
    assert len({one.SeriesInstanceUID for one in images}) == len(INPUTS)
    assert len({part10(one) for one in images}) == len(images)


def test_a_cell_says_what_was_checked_and_passes_nothing_unchecked() -> None:
    table: dict[tuple[str, str, str], list[str]] = {
        ("photo", "seg", "dcmqi"): [],
        ("photo", "sr", "dcmqi"): [],
        ("photo", "seg", "dciodvfy"): ["Error"],
        ("photo", "sr", "dciodvfy"): [],
    }
    roles = ["seg", "sr", "sc"]

    assert cell(table, "photo", roles, "dcmqi") == "2 pass"
    assert cell(table, "photo", roles, "dciodvfy") == "FAILS: seg"
    assert cell(table, "photo", roles, "dcmtk") == "-"
