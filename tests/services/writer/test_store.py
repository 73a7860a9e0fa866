"""Each result reaches the PACS once."""

import pytest

from services.writer.results import BuiltResult
from services.writer.store import store_result
from shared.errors import TransientError

RESULT = BuiltResult(
    role="sc",
    sop_class_uid="1.2",
    sop_instance_uid="1.2.3",
    series_instance_uid="1.2.4",
    study_instance_uid="1.2.5",
    series_description="",
    source_sop_instance_uid="1.2.6",
    content=b"content",
)


class FakePacs:
    """A PACS in memory; ``hides`` makes it take instances without showing them."""

    def __init__(self, *, holds: bool = False, hides: bool = False) -> None:
        self.stored: list[bytes] = []
        self.asked: list[tuple[str, str, str]] = []
        self._holds, self._hides = holds, hides

    def has(self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str) -> bool:
        self.asked.append((study_instance_uid, series_instance_uid, sop_instance_uid))
        return self._holds or (bool(self.stored) and not self._hides)

    def store(self, content: bytes) -> None:
        self.stored.append(content)

    def echo(self) -> None:
        pass


def test_a_new_result_is_stored_and_seen() -> None:
    pacs = FakePacs()
    assert store_result(pacs, RESULT)
    assert pacs.stored == [b"content"]
    assert pacs.asked == [("1.2.5", "1.2.4", "1.2.3")] * 2


def test_a_result_that_is_there_is_left_alone() -> None:
    pacs = FakePacs(holds=True)
    assert not store_result(pacs, RESULT)
    assert pacs.stored == []


def test_taken_but_not_shown_is_tried_again() -> None:
    with pytest.raises(TransientError, match="does not show"):
        store_result(FakePacs(hides=True), RESULT)
