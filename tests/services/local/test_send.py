import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit
from pynetdicom import AE, evt

from services.local.addresses import DicomAddress
from services.local.ports import free_ports
from services.local.send import collect, send
from shared.errors import BadInputError, TransientError
from tests import factories

VL_PHOTO = "1.2.840.10008.5.1.4.1.1.77.1.4"


@contextmanager
def archive(
    status: int = 0x0000, syntaxes: tuple[str, ...] = (ExplicitVRLittleEndian,)
) -> Iterator[tuple[DicomAddress, list[str]]]:
    """Run an archive that takes photos in ``syntaxes`` and answers with ``status``."""
    taken: list[str] = []
    lock = threading.Lock()

    def store(event: evt.Event) -> int:
        with lock:
            taken.append(str(event.context.transfer_syntax))
        return status

    entity = AE("ARCHIVE")
    entity.require_called_aet = True
    entity.add_supported_context(VL_PHOTO, list(syntaxes))
    port = free_ports({"it": 0})["it"]
    server = entity.start_server(
        ("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, store)]
    )
    assert server is not None
    try:
        yield DicomAddress(ae_title="ARCHIVE", host="127.0.0.1", port=port), taken
    finally:
        server.shutdown()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Give a folder with one plain photo, one JPEG photo and one file that is not DICOM."""
    factories.save(factories.rgb_photo(), tmp_path / "in" / "plain.dcm")
    factories.save(factories.jpeg_photo(), tmp_path / "in" / "deep" / "jpeg.dcm")
    (tmp_path / "in" / "notes.txt").write_text("not DICOM")
    return tmp_path / "in"


def test_every_file_is_sent_in_its_own_transfer_syntax(photos: Path) -> None:
    with archive(syntaxes=(ExplicitVRLittleEndian, JPEGBaseline8Bit)) as (address, taken):
        answers = send(collect([photos]), address)

    assert [one.problem for one in answers] == ["", ""]
    assert sorted(taken) == sorted([ExplicitVRLittleEndian, JPEGBaseline8Bit])


def test_a_syntax_the_archive_does_not_take_fails_that_file_only(photos: Path) -> None:
    with archive() as (address, _):
        answers = send(collect([photos]), address)

    problems = {one.path.name: one.problem for one in answers}
    assert problems["plain.dcm"] == ""
    assert "not accepted" in problems["jpeg.dcm"]


def test_a_refused_file_carries_its_status(photos: Path) -> None:
    with archive(0xA700) as (address, _):
        answers = send(collect([photos / "plain.dcm"]), address)

    assert [one.problem for one in answers] == ["status 0xA700"]


def test_a_warning_counts_as_stored(photos: Path) -> None:
    with archive(0xB000) as (address, _):
        answers = send(collect([photos / "plain.dcm"]), address)

    assert [one.problem for one in answers] == [""]


def test_a_refused_association_says_which_title_to_allow(photos: Path) -> None:
    with archive() as (address, _):
        wrong = address.model_copy(update={"ae_title": "OTHER"})

        with pytest.raises(TransientError, match="refused CUTIS_TOOLS"):
            send(collect([photos / "plain.dcm"]), wrong)


def test_nobody_there_is_said(photos: Path) -> None:
    nobody = DicomAddress(ae_title="ARCHIVE", host="127.0.0.1", port=free_ports({"it": 0})["it"])

    with pytest.raises(TransientError, match="nothing takes DICOM"):
        send(collect([photos / "plain.dcm"]), nobody)


def test_files_that_are_not_dicom_are_left_out_of_folders_and_refused_by_name(
    photos: Path,
) -> None:
    assert {one.path.name for one in collect([photos])} == {"plain.dcm", "jpeg.dcm"}
    with pytest.raises(BadInputError, match="not a DICOM file"):
        collect([photos / "notes.txt"])


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="does not exist"):
        collect([tmp_path / "nothing.dcm"])
