"""Gather: what people drew in a PACS, into a folder that a model is trained or judged on.

``cutis gather segmentation --output FOLDER`` writes ``images/NAME.png``, a mask of the same name in
``masks/SEGMENT/`` for each segment that was drawn (a number: that of the model's spec), and
``cases.csv`` with the image, its patient and, where calibrated, its pixel size. Names and patients
are keyed hashes: nobody can be looked up in them without the key, which is kept in ``key`` and
never leaves the folder.
"""

import argparse
import csv
import hashlib
import hmac
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import structlog
from pydicom.dataset import Dataset

from shared.dicom.pixels import read_frames
from shared.errors import BadInputError
from shared.settings import PacsSettings
from workers.catalog import models
from workers.contract import Segment
from workers.learning.archive import Archive, SeriesKey
from workers.learning.drawn_truth import Drawn, drawn_at, drawn_in, series_of

log = structlog.get_logger()


def gather(archive: Archive, segments: tuple[Segment, ...], output: Path) -> int:
    """Write every frame that people drew on, with the latest mask of each segment; count them."""
    name = _Names(output)
    rows: dict[str, tuple[str, ...]] = {}
    for key, source, drawn in _frames(archive, segments):
        pixels, size = _frame(source, drawn.frame)
        if pixels is None or pixels.shape[:2] != drawn.mask.shape:
            log.warning("a drawn mask does not fit its image", series=key.series_instance_uid)
            continue
        stem = name.of(drawn.sop_instance_uid, str(drawn.frame))
        _write(output / "images" / f"{stem}.png", pixels)
        _write(output / "masks" / str(drawn.segment) / f"{stem}.png", drawn.mask * np.uint8(255))
        patient = name.of(str(source.get("PatientID") or key.study_instance_uid))
        rows[stem] = (patient, *size)
    with (output / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("image", "patient", "row_um", "column_um"))
        table.writerows((stem, *row) for stem, row in sorted(rows.items()))
    return len(rows)


class _Names:
    """Keyed hashes; the key is drawn once for a folder, so that gathering again adds nothing."""

    def __init__(self, output: Path) -> None:
        output.mkdir(parents=True, exist_ok=True)
        path = output / "key"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32), encoding="ascii")
        self._key = bytes.fromhex(path.read_text(encoding="ascii"))

    def of(self, *parts: str) -> str:
        return hmac.new(self._key, "\n".join(parts).encode(), hashlib.sha256).hexdigest()[:20]


def _frames(
    archive: Archive, segments: tuple[Segment, ...]
) -> Iterator[tuple[SeriesKey, Dataset, Drawn]]:
    """Yield what was drawn, oldest first, with the image it was drawn on."""
    found = [(key, seg) for key in archive.series("SEG") for seg in archive.instances(key)]
    sources: dict[str, Dataset] = {}
    for key, seg in sorted(found, key=lambda one: drawn_at(one[1])):
        where = series_of(seg)
        for drawn in drawn_in(seg, segments):
            uid = drawn.sop_instance_uid
            if uid not in where:
                continue
            if uid not in sources:
                of = SeriesKey(
                    study_instance_uid=key.study_instance_uid, series_instance_uid=where[uid]
                )
                sources = {uid: archive.instances(of, uid)[0]}  # one at a time: stacks are large
            yield key, sources[uid], drawn


def _frame(source: Dataset, frame: int) -> tuple[np.ndarray | None, tuple[str, str]]:
    """Return a frame and its pixels' height and width in um, empty where not calibrated."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.dcm"
        source.save_as(path, enforce_file_format=True)
        try:
            read = read_frames(path)
        except BadInputError:
            return None, ("", "")
    size, spacing = ("", ""), read.spacing
    if spacing is not None and spacing.source == "calibrated":
        size = (f"{spacing.row_mm * 1000:g}", f"{spacing.column_mm * 1000:g}")
    return (np.asarray(read.pixels[frame]) if frame < len(read.pixels) else None), size


def _write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if pixels.dtype not in (np.uint8, np.uint16):
        pixels = np.clip(pixels, 0, 2**16 - 1).astype(np.uint16)
    cv2.imwrite(str(path), pixels[..., ::-1] if pixels.ndim == 3 else pixels)


def main() -> None:
    """Read the command line; the PACS is that of ``CUTIS_PACS_…`` unless one is named."""
    parser = argparse.ArgumentParser(description="Gather what people drew in a PACS.")
    parser.add_argument("model", choices=sorted(models()))
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--dicomweb", default="", help="address, else that of CUTIS_PACS_…")
    given = parser.parse_args()
    settings = PacsSettings()
    if given.dicomweb:
        settings = settings.model_copy(update={"dicomweb_url": given.dicomweb})
    count = gather(Archive(settings), models()[given.model].segments, given.output)
    log.info("gathered", images=count)


if __name__ == "__main__":
    main()
