"""Reading: the findings of one image beside its header; and which readings share their results.

A series of 500 single B-scans must not come back as 500 segmentations in 500 series: a viewer
lists each, and OHIF shows one SEG of a series only. So the single-frame slices of one series that
are alike get one SEG, one of each report and one of each map over all of them. Photographs stand
alone: each may show another lesion, which must not get the tracking UID of its neighbour.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from services.writer.anatomy import anatomy
from shared.dicom.spacing import read_spacing
from shared.errors import BadInputError, PermanentError, TransientError
from workers.findings import Findings

_SLICED = frozenset({"OCT", "CFM"})  # CID 29: optical coherence tomography, confocal microscopy


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Findings of one image, its header (without pixels) and its file.

    ``derived_from`` are the headers of images that were read as well, as far as results refer to
    them.
    """

    findings: Findings
    source: Dataset
    path: Path
    derived_from: tuple[Dataset, ...] = ()

    @property
    def frames(self) -> int:
        """The number of frames of the image."""
        return int(self.source.get("NumberOfFrames") or 1)


def grouped(readings: Sequence[Reading]) -> list[tuple[Reading, ...]]:
    """Return ``readings`` in groups that share their results, in the order of their first."""
    groups: dict[object, list[Reading]] = {}
    for index, one in enumerate(readings):
        # Multi-frame images stand alone: highdicom, and OHIF, take one of them for a SEG.
        alone = "NumberOfFrames" in one.source or not _is_slice(one.source)
        groups.setdefault(index if alone else _alike(one), []).append(one)
    return [tuple(group) for group in groups.values()]


def read_header(path: Path) -> Dataset:
    """Return everything of a file but its pixels.

    Raises
    ------
    BadInputError
        It is not DICOM (``undecodable``).
    TransientError
        It cannot be read from disk (``spool``).
    """
    try:
        return dcmread(path, stop_before_pixels=True)
    except InvalidDicomError as error:
        raise BadInputError("the file is not DICOM", code="undecodable") from error
    except OSError as error:
        raise TransientError("the instance cannot be read from disk", code="spool") from error


def check_one_patient(headers: Iterable[Dataset]) -> None:
    """Raise :class:`PermanentError` (``two-patients``) where headers name different patients.

    A study of two patients is a mix-up at the sender's (PS3.3 7.3.1.2: a study has one patient).
    What is read from the images of both must not stand under the name of either.
    """
    named = {str(one.get("PatientID") or "").strip() for one in headers}
    if len(named - {""}) > 1:
        raise PermanentError(
            "the images of this study name different patients", code="two-patients"
        )


def _is_slice(source: Dataset) -> bool:
    """Say whether this is one of many planes through the same skin, not a photograph.

    Slices may come as colour captures of grey values, so the modality counts first.
    """
    return source.get("Modality") in _SLICED or source.get("SamplesPerPixel") == 1


def _alike(one: Reading) -> tuple[object, ...]:
    """Return what the images of a group have in common."""
    source, found = one.source, one.findings
    return (
        source.SeriesInstanceUID,
        source.SOPClassUID,
        (source.get("Rows"), source.get("Columns")),
        read_spacing(source),
        anatomy(source),
        str(source.get("FrameOfReferenceUID")),
        str(source.get("ImageOrientationPatient")),
        str(source.get("LossyImageCompression")),
        found.eligible,
        found.reason,
        found.derived_from,
        tuple((each.name, each.values.shape, each.display_range) for each in found.maps),
    )
