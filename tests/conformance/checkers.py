"""Other people's programs, asked what they think of a DICOM file that we wrote.

Each checker takes a Part 10 file and returns its complaints (an empty list is good), or ``None``
for objects that it does not read. Complaints that are known to be the checker's own fault are in
``allowed.yaml``, each with its reason.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import highdicom as hd
import yaml
from pydicom import dcmread
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    ParametricMapStorage,
    SegmentationStorage,
)

LABEL_MAP = UID("1.2.840.10008.5.1.4.1.1.66.7")  # pydicom has no name for it yet
ALLOWED = Path(__file__).with_name("allowed.yaml")
PROGRAMS = (
    "dciodvfy",
    "segimage2itkimage",
    "paramap2itkimage",
    "tid1500reader",
    "dsr2xml",
    "dsr2html",
    "dcmpschk",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """One complaint that is the checker's own fault, in files that contain ``when``."""

    checker: str
    complaint: str
    when: str
    reason: str

    def covers(self, checker: str, complaint: str, content: bytes) -> bool:
        """Say whether ``checker`` may say ``complaint`` about ``content``."""
        return (
            self.checker == checker
            and self.complaint in complaint
            and self.when.encode() in content
        )


def missing_programs() -> list[str]:
    """Return which of the programs are not installed (``make test`` installs them)."""
    return [name for name in PROGRAMS if program(name) is None]


@cache
def exemptions() -> tuple[Exemption, ...]:
    """Return what is allowed."""
    entries = yaml.safe_load(ALLOWED.read_text(encoding="utf-8"))
    return tuple(Exemption(**entry) for entry in entries)


def ask(checker: str, content: bytes) -> tuple[list[str] | None, set[Exemption]]:
    """Return the complaints of ``checker`` that count, and the exemptions that others needed."""
    complaints = CHECKERS[checker](content)
    if complaints is None:
        return None, set()
    counted, used = [], set()
    for complaint in complaints:
        found = {one for one in exemptions() if one.covers(checker, complaint, content)}
        used |= found
        if not found:
            counted.append(complaint)
    return counted, used


def complaints_about(content: bytes) -> list[str]:
    """Return what any checker says against a Part 10 file, without what is allowed."""
    return [one for checker in CHECKERS for one in ask(checker, content)[0] or []]


def dciodvfy(content: bytes) -> list[str]:
    """Ask dicom3tools whether the IOD is kept (PS3.3)."""
    # It reports on stderr, and its exit status says little.
    lines = _run("dciodvfy", content).stderr.splitlines()
    if not lines:
        return ["dciodvfy said nothing at all"]
    return [line for line in lines if line.startswith("Error")]


def dcmqi(content: bytes) -> list[str] | None:
    """Ask dcmqi, with which 3D Slicer reads SEG, Parametric Maps and TID 1500."""
    name = _DCMQI.get(_sop_class(content))
    if name is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "one.dcm", Path(folder) / "out"
        path.write_bytes(content)
        out.mkdir()
        where = ["--outputDirectory", str(out), "-t", "nrrd"]
        if name == "tid1500reader":
            where = ["--outputMetadata", str(out / "report.json")]
        command = [program(name) or name, "--inputDICOM", str(path), *where]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode == 0 and any(out.iterdir()):
            return []
    return [f"{name} ended with {answer.returncode}: {answer.stderr[-200:]}"]


def dcmtk(content: bytes) -> list[str] | None:
    """Ask dcmtk to render a report as XML and as HTML, or to check a presentation state.

    A grayscale one: of a colour one dcmpschk says "passed" whatever is wrong with it.
    """
    if _sop_class(content) == GrayscaleSoftcopyPresentationStateStorage:
        return _dcmpschk(content)
    if _sop_class(content) != Comprehensive3DSRStorage:
        return None
    complaints = []
    for name in ("dsr2xml", "dsr2html"):
        # It goes on after a content item that it refuses, and still says what it refuses.
        answer = _run(name, content, "--ignore-item-errors")
        said = [line for line in answer.stderr.splitlines() if line[:2] in {"E:", "F:", "W:"}]
        complaints += [f"{name}: {line}" for line in said]
        if answer.returncode != 0 or not answer.stdout:
            complaints.append(f"{name} ended with {answer.returncode}")
    return complaints


def _dcmpschk(content: bytes) -> list[str]:
    answer = _run("dcmpschk", content)
    lines = [line for line in answer.stderr.splitlines() if line.strip()]
    if answer.returncode == 0 and lines and lines[-1] == "W: Test passed.":
        return []
    return [f"dcmpschk ended with {answer.returncode}", *(f"dcmpschk: {line}" for line in lines)]


def highdicom(content: bytes) -> list[str] | None:
    """Ask highdicom to read the file back into its own types."""
    sop_class = _sop_class(content)
    if sop_class not in _DCMQI:
        return None
    try:
        if sop_class in (SegmentationStorage, LABEL_MAP):
            hd.seg.segread(io.BytesIO(content)).get_tracking_ids()
        elif sop_class == Comprehensive3DSRStorage:
            report: Any = hd.sr.srread(io.BytesIO(content)).content
            report.get_volumetric_roi_measurement_groups()
            report.get_image_measurement_groups()
        else:
            hd.imread(io.BytesIO(content)).get_frames(apply_real_world_transform=False)
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        return [f"highdicom: {type(error).__name__}: {error}"]
    return []


CHECKERS: dict[str, Callable[[bytes], list[str] | None]] = {
    "dciodvfy": dciodvfy,
    "dcmqi": dcmqi,
    "dcmtk": dcmtk,
    "highdicom": highdicom,
}

_DCMQI: dict[str, str] = {
    SegmentationStorage: "segimage2itkimage",
    LABEL_MAP: "segimage2itkimage",
    ParametricMapStorage: "paramap2itkimage",
    Comprehensive3DSRStorage: "tid1500reader",
}


def _sop_class(content: bytes) -> str:
    return str(dcmread(io.BytesIO(content), stop_before_pixels=True).SOPClassUID)


def _run(name: str, content: bytes, *options: str) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.dcm"
        path.write_bytes(content)
        command = [program(name) or name, *options, str(path)]
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )


def program(name: str) -> str | None:
    """Return where a checker's program is."""
    # dcmqi's programs are a Python package: they lie beside the interpreter.
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
