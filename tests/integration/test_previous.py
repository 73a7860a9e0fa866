"""A patient's second visit against a real Orthanc: found by C-FIND, read by DICOMweb."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from services.writer.geometry import header_copy
from services.writer.history import PacsArchive
from services.writer.identity import Identity
from services.writer.previous import NONE, find_previous
from services.writer.store import store_result
from shared.errors import AwayError
from shared.pacs import make_pacs
from tests import factories
from tests.conformance.checkers import complaints_about
from tests.integration.require import require_checkers
from tests.orthanc import OrthancServer
from tests.services.writer.samples import DIGEST, SPEC
from tests.services.writer.visits import area, photo, results

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """An Orthanc that holds the visit of 1 March 2026, with its results."""
    folder = tmp_path_factory.mktemp("visits")
    first = photo("20260301")
    with OrthancServer(folder) as running:
        running.upload(factories.part10(first))
        pacs = make_pacs(running.pacs_settings(), "CUTIS")
        for one in results([first], [area(first, 40.0)], folder):
            store_result(pacs, one)
        yield running


def _identity(source: object) -> Identity:
    return Identity(
        sources=(header_copy(source),),  # type: ignore[arg-type]
        derived_from=(),
        derived_from_uids=(),
        spec=SPEC,
        weights_digest=DIGEST,
    )


def test_the_second_visit_holds_the_figures_of_the_first(
    orthanc: OrthancServer, tmp_path: Path
) -> None:
    require_checkers()
    second = photo("20260601")
    archive = PacsArchive(orthanc.pacs_settings(), "CUTIS")
    previous = find_previous(archive, second, _identity(second))

    assert (previous.outcome, previous.study_date) == ("found", "20260301")
    assert sorted(one.value for one in previous.figures) == [2.0, 40.0]
    pacs = make_pacs(orthanc.pacs_settings(), "CUTIS")
    for one in results([second], [area(second, 50.0)], tmp_path, previous):
        assert complaints_about(one.content) == [], one.role
        assert store_result(pacs, one)
        if one.role == "sr-image":
            assert previous.sop_instance_uid in str(dcmread(io.BytesIO(one.content)))


def test_a_patient_id_is_no_wildcard_and_a_stranger_has_no_visits(orthanc: OrthancServer) -> None:
    archive = PacsArchive(orthanc.pacs_settings(), "CUTIS")
    for patient_id in ("*", "SKIN00?", "SKIN002"):
        stranger = photo("20260601", PatientID=patient_id)
        assert find_previous(archive, stranger, _identity(stranger)) == NONE


def test_an_archive_that_refuses_us_is_waited_for(orthanc: OrthancServer) -> None:
    second = photo("20260601")
    archive = PacsArchive(orthanc.pacs_settings(password="wrong"), "CUTIS")
    with pytest.raises(AwayError):
        find_previous(archive, second, _identity(second))
