"""Other people's programs, asked what they think of what we wrote.

dciodvfy's complaints that are known to be its own are in ``tests/dciodvfy_allowed.yaml``, each
with its reason. A missing program skips the test: ``make test`` installs them.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest
import yaml
from pydicom import dcmread
from pydicom.uid import Comprehensive3DSRStorage, ParametricMapStorage, SegmentationStorage

ALLOWED = Path(__file__).parents[1] / "dciodvfy_allowed.yaml"

_READERS = {
    SegmentationStorage: "segimage2itkimage",
    ParametricMapStorage: "paramap2itkimage",
    Comprehensive3DSRStorage: "tid1500reader",
}


def dciodvfy_errors(content: bytes) -> list[str]:
    """Return the errors dciodvfy finds in a Part 10 file, without those allowed."""
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("needs dciodvfy (apt install dicom3tools)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.dcm"
        path.write_bytes(content)
        # It reports on stderr, and its exit status says little.
        answer = subprocess.run([program, str(path)], capture_output=True, check=False)
    lines = answer.stderr.decode(errors="replace").splitlines()
    assert lines, "dciodvfy said nothing at all"
    errors = [line for line in lines if line.startswith("Error")]
    allowed = [error for error, when in _allowed() if when.encode() in content]
    return [line for line in errors if not any(one in line for one in allowed)]


def dcmqi_reads(content: bytes) -> bool:
    """Return whether dcmqi, as 3D Slicer uses it, reads a Part 10 file.

    Classes that dcmqi has no reader for (Secondary Capture) count as read.
    """
    sop_class_uid = dcmread(io.BytesIO(content), stop_before_pixels=True).SOPClassUID
    if sop_class_uid not in _READERS:
        return True
    name = _READERS[sop_class_uid]
    program = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if program is None:
        pytest.skip(f"needs {name} (pip install dcmqi)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.dcm"
        path.write_bytes(content)
        out = Path(folder) / "out"
        out.mkdir()
        where = ["--outputDirectory", str(out), "-t", "nrrd"]
        if name == "tid1500reader":
            where = ["--outputMetadata", str(out / "report.json")]
        command = [program, "--inputDICOM", str(path), *where]
        answer = subprocess.run(command, capture_output=True, check=False)
        return answer.returncode == 0 and any(out.iterdir())


@cache
def _allowed() -> tuple[tuple[str, str], ...]:
    entries = yaml.safe_load(ALLOWED.read_text(encoding="utf-8"))
    assert all(entry["reason"] for entry in entries)
    return tuple((entry["error"], entry["when"]) for entry in entries)
