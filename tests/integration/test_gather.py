"""What people drew is gathered from a real PACS."""

import csv
import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from tests import factories
from tests.orthanc import OrthancServer
from tests.services.writer.samples import LESION, SKIN, SPEC, build, findings_for
from workers.learning.archive import Archive
from workers.learning.folder import Folder
from workers.learning.gather import gather
from workers.segmentation.folder import SEGMENTS, read_photo

pytestmark = [pytest.mark.integration]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("gather")) as server:
        yield server


def seg_of(source: Dataset, folder: Path, lesion: np.ndarray) -> Dataset:
    """Return our own SEG of ``source`` with this lesion (rows, columns)."""
    found = findings_for(source)
    found = dataclasses.replace(found, masks={**found.masks, LESION: lesion[None]})
    built = {one.role: one for one in build(source, folder, found)}
    return dcmread(io.BytesIO(built["seg"].content))


def edited(seg: Dataset, *, at: str) -> Dataset:
    """Return ``seg`` as a person saves it in other software, at this time of the same day."""
    seg.SeriesInstanceUID, seg.SOPInstanceUID = generate_uid(), generate_uid()
    seg.file_meta.MediaStorageSOPInstanceUID = seg.SOPInstanceUID
    seg.Manufacturer, seg.ContentTime = "Another", at
    for one in seg.SegmentSequence:
        one.SegmentAlgorithmType = "MANUAL"
        del one.SegmentAlgorithmName, one.SegmentationAlgorithmIdentificationSequence
    return seg


def test_the_latest_correction_is_the_truth_and_our_own_answer_is_not(
    orthanc: OrthancServer, tmp_path: Path
) -> None:
    photo, untouched = (
        factories.rgb_photo(SOPInstanceUID=generate_uid(), PatientID=f"P-{name}")
        for name in ("corrected", "untouched")
    )
    old, new = np.zeros((2, photo.Rows, photo.Columns), np.bool_)
    old[10:30, 10:30] = new[40:60, 50:90] = True
    sent = [
        photo,
        untouched,
        seg_of(untouched, tmp_path / "a", old),
        seg_of(photo, tmp_path / "b", old),
        edited(seg_of(photo, tmp_path / "c", new), at="150000"),
        edited(seg_of(photo, tmp_path / "d", old), at="140000"),
    ]
    for one in sent:
        orthanc.upload(factories.part10(one))

    output = tmp_path / "gathered"
    count = gather(Archive(orthanc.pacs_settings()), SPEC.segments, output)

    assert count == 1
    folder = Folder(
        images=output / "images",
        masks=output / "masks",
        groups=output / "cases.csv",
        segments=SEGMENTS,
        alone=LESION,
    )
    (case,) = folder.cases()
    read = read_photo(case)
    assert np.array_equal(read.image, photo.pixel_array)
    assert np.array_equal(read.bits & 1 << (LESION - 1) > 0, new)
    assert set(case.masks) == {SKIN, LESION}
    assert read.known == 0b011
    # Nobody is named: neither by the table nor by a file.
    said = "".join(str(path) for path in output.rglob("*"))
    with (output / "cases.csv").open(encoding="utf-8") as file:
        said += str(list(csv.DictReader(file)))
    assert "P-" not in said
    assert photo.SOPInstanceUID not in said


def test_gathering_again_changes_nothing(orthanc: OrthancServer, tmp_path: Path) -> None:
    archive = Archive(orthanc.pacs_settings())
    counts = [gather(archive, SPEC.segments, tmp_path) for _ in range(2)]

    assert counts[0] == counts[1] == len(list((tmp_path / "images").iterdir()))
    for path in (tmp_path / "images").iterdir():
        assert cv2.imread(str(path)) is not None
