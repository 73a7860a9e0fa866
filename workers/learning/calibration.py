"""Calibration: which pixel spacing may be measured with, and which only hints at a scale.

Only a calibrated spacing gives lengths and areas. A nominal one (plain Pixel Spacing of photos
and captures, Nominal Scanned Pixel Spacing) is what some software wrote there: nobody measured it.
"""

from shared.dicom import codes
from workers.contract import PixelSpacing
from workers.findings import Assessment

Range = tuple[float, float]
"""Smallest and largest pixel size, in micrometres."""


def calibrated(spacing: PixelSpacing | None) -> PixelSpacing | None:
    """Return ``spacing`` if lengths may be measured with it, else ``None``."""
    return spacing if spacing is not None and spacing.source == "calibrated" else None


def scale_hint(spacing: PixelSpacing | None, plausible: Range) -> PixelSpacing | None:
    """Return ``spacing``, calibrated or nominal, if its pixels are of a ``plausible`` size."""
    return spacing if spacing is not None and _is_plausible(spacing, plausible) else None


def why_implausible(spacing: PixelSpacing | None, plausible: Range) -> str:
    """Return why an image with this calibration cannot be what it says, or an empty string.

    A calibration far off the instrument's is a wrong unit or another instrument: nothing tells
    which, so the image is not read. A nominal spacing far off is merely not used.
    """
    known = calibrated(spacing)
    if known is None or _is_plausible(known, plausible):
        return ""
    rows, columns = known.row_mm * 1000, known.column_mm * 1000
    return (
        f"a calibrated pixel of {rows:g} x {columns:g} um is not plausible: "
        f"{plausible[0]:g} to {plausible[1]:g} um is expected"
    )


def calibration(spacing: PixelSpacing | None, *, without: str, trust: str = "") -> Assessment:
    """Say whether the size of a pixel is known.

    ``without`` says what follows when it is not; ``trust`` how far a known one goes.
    """
    if calibrated(spacing) is not None:
        note = f"Pixel spacing is calibrated{trust}."
        return Assessment(question=codes.CALIBRATION, answer=codes.CALIBRATED, note=note)
    why = "No pixel spacing" if spacing is None else "Nominal spacing only"
    note = f"{why}: {without}."
    return Assessment(question=codes.CALIBRATION, answer=codes.NOT_CALIBRATED, note=note)


def _is_plausible(spacing: PixelSpacing, plausible: Range) -> bool:
    smallest, largest = plausible
    return all(
        smallest <= millimetres * 1000 <= largest
        for millimetres in (spacing.row_mm, spacing.column_mm)
    )
