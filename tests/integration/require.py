"""Require: skip a test where a program of the machine is missing; ``make test`` installs them."""

import pytest

from tests.conformance.checkers import missing_programs


def require_checkers() -> None:
    """Skip the test unless every program that checks DICOM files is installed."""
    missing = missing_programs()
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (apt: dicom3tools, dcmtk; pip: dcmqi)")
