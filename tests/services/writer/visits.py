"""Visits: studies of one patient on different days, with reports as the writer makes them."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from services.writer.figures import figures_of
from services.writer.previous import NONE, Previous
from services.writer.results import BuiltResult, build_results
from shared.dicom import codes
from shared.dicom.uids import derived_uid
from tests import factories
from tests.services.writer.samples import DIGEST, LESION, SKIN, SPEC
from workers.findings import Findings, Measurement


def photo(day: str, name: str = "one", **attributes: Any) -> Dataset:
    """Return a calibrated photo of one day's study (YYYYMMDD)."""
    given = {
        "StudyInstanceUID": derived_uid("visit", day),
        "SeriesInstanceUID": derived_uid("visit", day, "series"),
        "SOPInstanceUID": derived_uid("visit", day, name),
        "StudyDate": day,
        "StudyTime": "101500",
        "BodyPartExamined": "CHEST",
    }
    return factories.calibrated_photo(**{**given, **attributes})


def area(source: Dataset, square_mm: float, *, calibrated: bool = True) -> Findings:
    """Return findings with a lesion of ``square_mm`` and an inflammation grade of 2."""
    lesion = np.zeros((1, int(source.Rows), int(source.Columns)), np.bool_)
    lesion[0, 20:40, 30:60] = True
    unit = codes.SQUARE_MILLIMETRE if calibrated else codes.PIXELS
    return Findings(
        sop_instance_uid=source.SOPInstanceUID,
        masks={LESION: lesion, SKIN: ~lesion},
        measurements=(
            Measurement(quantity=codes.AREA, value=square_mm, unit=unit, segment_number=LESION),
            Measurement(quantity=codes.INFLAMMATION_GRADE, value=2.0, unit=codes.SCORE),
            Measurement(quantity=codes.SPECKLE_CONTRAST, value=0.5, unit=codes.RATIO),
        ),
    )


def results(
    sources: Sequence[Dataset],
    findings: Sequence[Findings],
    folder: Path,
    previous: Previous = NONE,
    digest: str = DIGEST,
) -> list[BuiltResult]:
    """Return what the writer makes of a job that read ``sources``."""
    paths = {
        one.SOPInstanceUID: factories.save(one, folder / f"{one.SOPInstanceUID}.dcm")
        for one in sources
    }
    return list(build_results(findings, paths, SPEC, digest, previous=previous))


def follow_up(source: Dataset, folder: Path) -> list[BuiltResult]:
    """Return the results of ``source`` beside those of an earlier study of the same lesion."""
    before = area(source, 40.0)
    previous = Previous(
        outcome="found",
        study_instance_uid=derived_uid("visit", "before"),
        series_instance_uid=derived_uid("visit", "before", "series"),
        sop_instance_uid=derived_uid("visit", "before", "report"),
        study_date="20240601",
        figures=tuple(figures_of(before, SPEC)),
    )
    return results([source], [area(source, 50.0)], folder, previous)


class Archive:
    """A PACS in memory that is asked like a real one."""

    def __init__(self) -> None:
        self.held: list[Dataset] = []
        self.asked = 0

    def keep(self, sources: Sequence[Dataset], written: Sequence[BuiltResult] = ()) -> None:
        """Take images and results in."""
        self.held += sources
        self.held += [dcmread(io.BytesIO(one.content)) for one in written]

    def visit(self, folder: Path, day: str, square_mm: float, **attributes: Any) -> None:
        """Take in a study with one photo and its results."""
        source = photo(day, **attributes)
        self.keep([source], results([source], [area(source, square_mm)], folder))

    def studies_of(self, patient_id: str) -> list[Dataset]:
        """Return one instance of each study."""
        self.asked += 1
        of_patient = (one for one in self.held if one.PatientID == patient_id)
        return list({one.StudyInstanceUID: one for one in of_patient}.values())

    def series_of(self, study_instance_uid: str, modality: str) -> dict[str, str]:
        """Return series with descriptions."""
        return {
            one.SeriesInstanceUID: one.SeriesDescription
            for one in self.held
            if (one.StudyInstanceUID, one.Modality) == (study_instance_uid, modality)
        }

    def metadata(
        self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str = ""
    ) -> list[Dataset]:
        """Return instances as DICOM JSON gives them, without pixels."""
        found = []
        for one in self.held:
            where = (one.StudyInstanceUID, one.SeriesInstanceUID)
            wanted = sop_instance_uid in {"", one.SOPInstanceUID}
            if where == (study_instance_uid, series_instance_uid) and wanted:
                header = Dataset(
                    {tag: one[tag] for tag in sorted(one.keys()) if tag.group != 0x7FE0}
                )
                found.append(Dataset.from_json(header.to_json()))
        return found
