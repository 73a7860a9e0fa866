"""The writer against a real Orthanc and the checkers; `make conformance` asks them far more."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from services.writer.store import store_result
from shared.errors import AwayError
from shared.pacs import make_pacs
from tests import factories
from tests.conformance.checkers import complaints_about
from tests.integration.require import require_checkers
from tests.orthanc import OrthancServer
from tests.services.writer.samples import DIGEST, build, findings_for, results_of

pytestmark = pytest.mark.integration

SOURCES = {
    "photo": factories.rgb_photo(),
    "jpeg photo": factories.jpeg_photo(),
    "byte stack": factories.byte_stack(),
    "b-scan": factories.bscan(),
    "confocal": factories.confocal(),
    "speckle": factories.speckle_frames(),
}
WAYS = [("stow", True), ("c-store", True), ("c-store", False)]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_checkers_and_slicer_accept_every_result(tmp_path: Path, source: Dataset) -> None:
    require_checkers()
    findings = findings_for(source, condensed_map=source.SeriesDescription.startswith("LSCI"))
    for one in build(source, tmp_path, findings):
        assert complaints_about(one.content) == [], one.role


@pytest.mark.parametrize(
    ("store_by", "search"), [("stow", True), ("c-store", True), ("c-store", False)]
)
def test_results_are_stored_once_and_come_back_byte_by_byte(
    orthanc: OrthancServer, tmp_path: Path, store_by: str, search: bool
) -> None:
    changes = {} if search else {"dicomweb_url": ""}
    pacs = make_pacs(orthanc.pacs_settings(store_by, **changes), "CUTIS")  # type: ignore[arg-type]
    pacs.echo()
    # The weights digest gives each way of storing results of its own.
    source = factories.byte_stack()
    path = factories.save(source, tmp_path / "one.dcm")
    results = results_of(findings_for(source), path, digest=f"{store_by} {search} {DIGEST}")
    assert [one.role for one in results] == ["seg", "sr", "pm", "sr-image", "sc"]
    for one in results:
        assert store_result(pacs, one), one.role
        assert not store_result(pacs, one), one.role
        stored = orthanc.instance(one.sop_instance_uid)
        assert stored is not None
        # C-STORE leaves the file meta (some 400 bytes) to the receiver.
        assert stored.endswith(one.content[1000:]), one.role
        if store_by == "stow":
            assert stored == one.content, one.role


def test_an_archive_that_refuses_our_password_is_waited_for(orthanc: OrthancServer) -> None:
    pacs = make_pacs(orthanc.pacs_settings(password="wrong"), "CUTIS")
    with pytest.raises(AwayError):
        pacs.echo()


def test_what_was_never_stored_is_not_there(orthanc: OrthancServer) -> None:
    for changes in ({}, {"store_by": "c-store", "dicomweb_url": ""}):
        pacs = make_pacs(orthanc.pacs_settings(**changes), "CUTIS")  # type: ignore[arg-type]
        assert not pacs.has("1.2.3", "1.2.4", "1.2.5")
