"""Files that we did not make, received and routed: pydicom's test files, and dcmtk's work."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.filereader import read_file_meta_info
from sqlalchemy import select

from services.dispatcher.routing import route
from services.dispatcher.rules import SiteRules
from services.listener.instance import StoreRequest
from services.listener.storage import InstanceStore, Status
from shared.db.engine import Database
from shared.db.ingest import open_association
from shared.db.tables import Instance, QuarantinedInstance
from shared.dicom.manifest import InstanceManifest, study_manifest
from shared.dicom.pixels import read_frames
from shared.errors import BadInputError
from shared.spool import Spool
from tests import factories
from tests.conformance import perfusion_maps
from tests.conformance.inputs import INPUTS, series_of
from tests.database import sqlite_database
from tests.services.listener.requests import SENDER
from workers.catalog import models

pytestmark = [
    pytest.mark.integration,
    # Foreign files hold values that pydicom warns of; that is why they are here.
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

PYDICOM_FILES = sorted((Path(pydicom.__file__).parent / "data" / "test_files").glob("*.dcm"))

# No file meta to read a transfer syntax from, or a deflated one: no sender could propose them.
NOT_SENDABLE = {
    *("ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "no_meta.dcm", "rtstruct.dcm"),
    *("meta_missing_tsyntax.dcm", "no_meta_group_length.dcm", "image_dfl.dcm"),
}
SET_ASIDE = {
    **dict.fromkeys(("MR_truncated.dcm", "rtplan_truncated.dcm"), "structure"),
    "SC_rgb_jpeg.dcm": "structure",  # implicit VR, which its meta denies
    "nested_priv_SQ.dcm": "structure",  # an element of group 0001
    **dict.fromkeys(("JPEGLSNearLossless_08.dcm", "JPEGLSNearLossless_16.dcm"), "bad-uid"),
    **dict.fromkeys(("SC_rgb_jls_lossy_line.dcm", "SC_rgb_jls_lossy_sample.dcm"), "bad-uid"),
    **dict.fromkeys(("UN_sequence.dcm", "priv_SQ.dcm", "empty_charset_LEI.dcm"), "bad-uid"),
}
KNOWN_IN_ANOTHER_ENCODING = {"MR_small_implicit.dcm"}  # of MR_small.dcm
# Of another file, which came first, they have the SOP Instance UID but not the pixels or header.
CONFLICTS = {
    "JPEG2000.dcm",
    "JPGExtended.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_expb.dcm",  # the same as MR_small_bigendian.dcm in another encoding
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_padded.dcm",
    "SC_rgb_rle.dcm",
    "SC_rgb_rle_16bit.dcm",
    "SC_rgb_rle_16bit_2frame.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_rle_32bit.dcm",
    "SC_rgb_rle_32bit_2frame.dcm",
    "SC_rgb_small_odd_big_endian.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "liver_expb_1frame.dcm",
    "reportsi_with_empty_number_tags.dcm",
    "rtdose.dcm",
    "rtdose_1frame.dcm",
    "rtdose_expb.dcm",
    "rtdose_expb_1frame.dcm",
    "rtdose_rle.dcm",
    "rtdose_rle_1frame.dcm",
}
UNDECODABLE = {
    "badVR.dcm",  # 1A frames
    "JPEG-lossy.dcm",  # 12 bits that libjpeg reads as 8
    "JPEG2000-embedded-sequence-delimiter.dcm",  # broken on purpose
    "MR_small_padded.dcm",  # more bytes than its header promises
}

PHOTO = "-k Modality=XC"
DCMTK = {
    "VL photo by img2dcm": (f"img2dcm -vlp {PHOTO} photo.jpg OUT", "segmentation"),
    "capture by img2dcm": (f"img2dcm {PHOTO} photo.jpg OUT", "segmentation"),
    "new capture by img2dcm": (f"img2dcm -nsc {PHOTO} photo.jpg OUT", "segmentation"),
    "capture of no modality": ("img2dcm photo.jpg OUT", None),
    "dermoscopy, by description": (
        f"img2dcm -vlp {PHOTO} -k SeriesDescription=Dermoscopy photo.jpg OUT",
        None,
    ),
    "dermoscopy, by modality": ("img2dcm -vlp -k Modality=DMS photo.jpg OUT", None),
    "LSCI screenshot": (
        "img2dcm -k Modality=OT -k SeriesDescription=LSCI photo.jpg OUT",
        None,
    ),
    "LSCI screenshot in a palette": ("dcmquant screenshot.dcm OUT", None),
    "JPEG lossless by dcmcjpeg": ("dcmcjpeg +e1 photo.dcm OUT", "segmentation"),
    "JPEG baseline by dcmcjpeg": ("dcmcjpeg +eb photo.dcm OUT", "segmentation"),
    "JPEG-LS by dcmcjpls": ("dcmcjpls +el stack.dcm OUT", "layers"),
    "RLE by dcmcrle": ("dcmcrle stack.dcm OUT", "layers"),
    "implicit VR by dcmconv": ("dcmconv +ti photo.dcm OUT", "segmentation"),
    "big endian by dcmconv": ("dcmconv +tb stack.dcm OUT", "layers"),
    "palette by dcmquant": ("dcmquant photo.dcm OUT", "segmentation"),
    "half size by dcmscale": ("dcmscale +Sxf 0.5 bscan.dcm OUT", "layers"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one file: the status sent; the code of quarantine, conflict or routing."""

    status: Status
    code: str
    model: str | None = None
    reason: str = ""


class Intake:
    """The receiving and the routing half of Cutis, without sockets between them."""

    def __init__(self, database: Database, spool: Spool) -> None:
        self._database = database
        self._store = InstanceStore(database, spool, min_free_bytes=0)
        with database.write() as session:
            self._association = open_association(session, "test", SENDER)

    def take(self, path: Path) -> Answer:
        request = _request(path)
        status = self._store.store(request, SENDER, self._association)
        sha256 = hashlib.sha256(request.part10()).hexdigest()
        with self._database.read() as session:
            held = session.scalars(
                select(QuarantinedInstance).where(QuarantinedInstance.sha256 == sha256)
            ).one_or_none()
            if held is not None:
                return Answer(status=status, code=held.code)
            row = session.scalars(select(Instance).where(Instance.sha256 == sha256)).one_or_none()
            if row is None:  # its content is held under another file's bytes
                known = "known" if status is Status.SUCCESS else "conflict"
                return Answer(status=status, code=known)
            if row.conflict:
                return Answer(status=status, code="conflict")
            manifest = InstanceManifest.model_validate(row.manifest)
        study = study_manifest(manifest.study_instance_uid, [manifest])
        (decision, *_) = route(study, models(), SiteRules()).decisions
        return Answer(
            status=status, code=decision.code, model=decision.model, reason=decision.reason
        )


NewIntake = Callable[[], Intake]


@pytest.fixture
def new_intake(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> Iterator[NewIntake]:
    """Make an intake that has received nothing yet."""
    monkeypatch.setattr(pydicom.config.settings, "_reading_validation_mode", pydicom.config.IGNORE)
    with ExitStack() as opened:

        def make() -> Intake:
            folder = Path(tempfile.mkdtemp(dir=tmp_path))
            return Intake(opened.enter_context(sqlite_database(folder)), spool)

        yield make


@pytest.fixture
def intake(new_intake: NewIntake) -> Intake:
    return new_intake()


def test_pydicoms_own_test_files_are_taken_or_set_aside_and_none_is_analysed(
    intake: Intake, new_intake: NewIntake
) -> None:
    conflicts = set()
    for path in PYDICOM_FILES:
        if path.name in NOT_SENDABLE:
            continue
        answer = intake.take(path)
        if path.name in SET_ASIDE:
            assert (answer.status, answer.code) == (Status.SET_ASIDE, SET_ASIDE[path.name])
            continue
        if answer.code == "conflict":
            assert answer.status is Status.SET_ASIDE
            conflicts.add(path.name)
            answer = new_intake().take(path)  # as it would be had it come first
        if path.name in KNOWN_IN_ANOTHER_ENCODING:
            assert (answer.status, answer.code) == (Status.SUCCESS, "known"), path.name
            continue
        # None shows skin: ultrasound, CT, MR, dose, plans, reports, captures of no modality.
        got = (answer.status, answer.code, answer.model)
        assert got == (Status.SUCCESS, "not-applicable", None), path.name
    assert conflicts == CONFLICTS


def test_pydicoms_images_decode_to_what_their_headers_promise() -> None:
    images = [one for one in PYDICOM_FILES if one.name not in NOT_SENDABLE | SET_ASIDE.keys()]
    for path in images:
        header = dcmread(path, stop_before_pixels=True, force=True)
        if "Rows" not in header or "TransferSyntaxUID" not in header.file_meta:
            continue
        if path.name in UNDECODABLE:
            with pytest.raises(BadInputError):
                read_frames(path)
            continue
        pixels = read_frames(path).pixels
        frames = int(header.get("NumberOfFrames") or 1)
        assert pixels.shape[:3] == (frames, header.Rows, header.Columns), path.name
        if header.SamplesPerPixel == 3:
            assert pixels.dtype == np.uint8, path.name


@pytest.mark.skipif(shutil.which("img2dcm") is None, reason="needs dcmtk")
@pytest.mark.parametrize("name", DCMTK)
def test_what_dcmtk_makes_goes_to_the_model_that_reads_it(
    intake: Intake, tmp_path: Path, name: str
) -> None:
    command, model = DCMTK[name]
    Image.fromarray(factories.lesion_photo()).save(tmp_path / "photo.jpg", quality=95)
    for given, dataset in (
        ("photo", factories.rgb_photo()),
        ("stack", factories.byte_stack()),
        ("bscan", factories.bscan()),
        ("screenshot", perfusion_maps.as_screenshot()),
    ):
        factories.save(dataset, tmp_path / f"{given}.dcm")
    made = tmp_path / "made.dcm"
    words = [str(made) if word == "OUT" else word for word in command.split()]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)

    answer = intake.take(made)

    assert (answer.status, answer.model) == (Status.SUCCESS, model), answer.reason
    assert read_frames(made).pixels.ndim in {3, 4}
    assert answer.code in {"accepted", "not-applicable", "not-eligible"}
    assert (answer.code == "not-eligible") == ("dermo" in name or "LSCI" in name), answer.reason


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_of_the_conformance_table_is_taken_and_routed(
    intake: Intake, tmp_path: Path, name: str
) -> None:
    for index, dataset in enumerate(series_of(name)):
        answer = intake.take(factories.save(dataset, tmp_path / f"{index}.dcm"))
        assert answer.status is Status.SUCCESS
        if dataset.Modality == "DMS":
            assert (answer.model, answer.code) == (None, "not-eligible")
        elif dataset.Modality != "OT" or "LSCI" in name:
            assert answer.model is not None, answer.reason


def _request(path: Path) -> StoreRequest:
    """Return the C-STORE request that a sender would make of a file."""
    meta = read_file_meta_info(path)
    header = dcmread(path, stop_before_pixels=True, force=True)
    data_set = path.read_bytes()[144 + meta.FileMetaInformationGroupLength :]
    return StoreRequest(
        sop_class_uid=str(header.get("SOPClassUID", "")),
        sop_instance_uid=str(header.get("SOPInstanceUID", "")),
        transfer_syntax_uid=str(meta.TransferSyntaxUID),
        data_set=data_set,
    )
