"""Complaints are few and never quote what a peer sent."""

import logging
import warnings
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from services.listener.complaints import Complaints, complain_for_libraries


@pytest.fixture(autouse=True)
def _libraries_as_they_were(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    before = [
        (one, one.handlers[:], one.propagate, one.level)
        for one in map(logging.getLogger, ("pynetdicom", "pydicom"))
    ]
    yield
    for one, handlers, propagate, level in before:
        one.handlers[:], one.propagate = handlers, propagate
        one.setLevel(level)


def test_what_is_repeated_is_left_out_and_counted() -> None:
    complaints = Complaints(per_minute=2)
    with capture_logs() as logged:
        for _ in range(5):
            complaints.warn("connection cut", "pdu-too-slow")
        complaints.warn("connection cut", "pdu-too-long")
        complaints._window -= 60
        complaints.warn("connection cut", "pdu-too-slow")
    assert [one["kind"] for one in logged] == [
        "pdu-too-slow",
        "pdu-too-slow",
        "pdu-too-long",
        "pdu-too-slow",
    ]
    assert logged[-1]["left_out"] == 3


def test_a_library_is_quoted_by_place_and_error_only() -> None:
    complain_for_libraries(Complaints())
    with capture_logs() as logged:
        logging.getLogger("pynetdicom.acse").error("Invalid value 'Sample^Skin'")
        try:
            int("Sample^Skin")
        except ValueError:
            logging.getLogger("pynetdicom.dul").exception("Sample^Skin")
        logging.getLogger("pydicom").warning("Sample^Skin")
    assert [one["error"] for one in logged] == ["", "ValueError"]
    assert "Sample" not in str(logged)


def test_a_python_warning_is_quoted_by_place_and_category_only() -> None:
    with warnings.catch_warnings(), capture_logs() as logged:
        warnings.simplefilter("always")
        complain_for_libraries(Complaints())
        warnings.warn("Sample^Skin", UserWarning, stacklevel=1)
    assert [one["error"] for one in logged] == ["UserWarning"]
    assert "Sample" not in str(logged)
