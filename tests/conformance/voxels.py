"""Voxels: the masks as dcmqi, and so 3D Slicer, reads them out of a SEG, beside those we wrote."""

import gzip
import io
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.conformance.checkers import program
from tests.services.writer.samples import SPEC
from workers.findings import Findings

_TYPES = {"short": "<i2", "unsigned char": "u1", "unsigned short": "<u2"}

Volume = npt.NDArray[np.bool_]
Position = npt.NDArray[np.float64]


def voxel_complaints(content: bytes, findings: Sequence[Findings]) -> list[str]:
    """Return where the volumes that dcmqi makes of a SEG differ from the masks of ``findings``.

    Slices are found by their position in space, which is all that dcmqi keeps of a frame.
    """
    seg = dcmread(io.BytesIO(content))
    by_uid = {one.sop_instance_uid: one.masks for one in findings}
    numbers = {one.label: one.number for one in SPEC.segments}
    frames = _frames(seg)
    complaints = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seg.dcm"
        path.write_bytes(content)
        command = [program("segimage2itkimage") or "segimage2itkimage", "-t", "nrrd"]
        command += ["--inputDICOM", str(path), "--outputDirectory", folder]
        subprocess.run(command, capture_output=True, check=False)
        for segment in seg.SegmentSequence:
            number = int(segment.SegmentNumber)
            if segment.SegmentLabel not in numbers:
                continue  # the background of a label map
            # Of a label map it makes one volume of numbers, of others a volume a segment.
            merged = seg.SegmentationType == "LABELMAP"
            file = Path(folder) / f"{1 if merged else number}.nrrd"
            if not file.exists():
                complaints.append(f"dcmqi gives no {segment.SegmentLabel}")
                continue
            masks = {uid: by_uid[uid][numbers[segment.SegmentLabel]] for uid, _, _ in frames}
            values, places = _read_nrrd(file)
            volume = values == number if merged else values != 0
            found = _difference(volume, places, frames, masks)
            complaints += [f"dcmqi, {segment.SegmentLabel}: {one}" for one in found]
    return complaints


def _difference(
    volume: Volume,
    places: Position,
    frames: list[tuple[str, int, Position]],
    masks: dict[str, Volume],
) -> list[str]:
    # Frames that the SEG leaves out are empty; so no voxel may be missing or more.
    if volume.sum() != sum(int(one.sum()) for one in masks.values()):
        return [f"{volume.sum()} voxels"]
    for uid, frame, position in frames:
        index = int(np.argmin(np.abs(places - position).sum(axis=1)))
        if np.abs(places[index] - position).max() > 1e-3:
            return [f"no slice for frame {frame}"]
        if not np.array_equal(volume[index], masks[uid][frame - 1]):
            return [f"other voxels in frame {frame}"]
    return []


def _frames(seg: Dataset) -> list[tuple[str, int, Position]]:
    """Return source image, its frame number and the position of every frame of a SEG."""
    shared = seg.SharedFunctionalGroupsSequence[0]
    found = []
    for group in seg.PerFrameFunctionalGroupsSequence:
        image = group.DerivationImageSequence[0].SourceImageSequence[0]
        plane = (group.get("PlanePositionSequence") or shared.PlanePositionSequence)[0]
        position = np.array([float(one) for one in plane.ImagePositionPatient])
        number = int(image.get("ReferencedFrameNumber") or 1)
        found.append((str(image.ReferencedSOPInstanceUID), number, position))
    return found


def _read_nrrd(file: Path) -> tuple[npt.NDArray[np.integer], Position]:
    """Return the volume (slices, rows, columns) of a NRRD file, and each slice's position."""
    head, _, data = file.read_bytes().partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode("ascii").splitlines() if ": " in line)
    columns, rows, slices = (int(one) for one in fields["sizes"].split())
    flat = np.frombuffer(gzip.decompress(data), _TYPES[fields["type"]])
    values = flat.reshape(slices, rows, columns)
    step = _vector(fields["space directions"].split()[2])
    places = _vector(fields["space origin"]) + np.arange(slices)[:, None] * step
    return values, places


def _vector(text: str) -> Position:
    return np.array([float(one) for one in text.strip("()").split(",")])
