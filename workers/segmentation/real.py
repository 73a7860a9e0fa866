"""Real photos: the lesion masks of the network against those that people drew."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from shared.errors import ConfigurationError
from workers.learning.bootstrap import correlation
from workers.learning.results import Row, Table, tabulate
from workers.segmentation.evaluate import Overlap, overlap
from workers.segmentation.model import Segmentation

_LONGEST = 1024
_NOTE = (
    "{count} real photos whose lesions people drew; none was trained on. Baseline: Otsu's "
    "threshold on redness. Two people who draw the same photos agree with a Dice of about 0.77."
)
_ROWS = (
    Row(figure="dice", label="lesion, Dice, mean over photos", baseline="baseline_dice"),
    Row(figure="median", label="lesion, Dice, median over photos"),
    Row(figure="missed", label="share of photos with Dice below 0.1", small=True),
    Row(figure="area_r", label="lesion, r of the areas", baseline="baseline_area_r"),
    Row(figure="skin_share", label="share of the lesion that was found to be skin"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RealCase:
    """One photo; ``group`` is what the table of groups says of it, ``skin`` its share of skin."""

    patient: str
    group: str
    ours: Overlap
    baseline: Overlap
    skin_share: float


def real_tables(
    model: Segmentation, images: Path, masks: Path, groups: Path | None, by: str
) -> list[Table]:
    """Return the table of all photos in ``images``, and one for each group.

    A mask has the name of its photo, whatever the ending. ``groups`` is a CSV with columns
    ``image``, ``by`` and, where patients have several photos, ``patient``.

    Raises
    ------
    ConfigurationError
        No photo has a mask.
    """
    said = _said(groups)
    found = {path.stem: path for path in masks.iterdir()}
    photos = [path for path in sorted(images.iterdir()) if path.stem in found]
    if not photos:
        raise ConfigurationError("no photo has a mask of its name")
    cases = [_case(model, one, found[one.stem], said.get(one.stem, {}), by) for one in photos]
    tables = [_table("Real photos", cases)]
    names = sorted({one.group for one in cases})
    for name in names if len(names) > 1 else ():
        chosen = [one for one in cases if one.group == name]
        if len(chosen) > 2:
            tables.append(_table(f"{by}: {name or 'not stated'}", chosen))
    return tables


def figures(patients: Sequence[Sequence[RealCase]]) -> dict[str, float]:
    """Return the figures over all photos of ``patients``."""
    cases = [one for patient in patients for one in patient]
    dices = np.array([_dice(one.ours) for one in cases])
    return {
        "dice": float(dices.mean()),
        "median": float(np.median(dices)),
        "missed": float((dices < 0.1).mean()),
        "area_r": _area_r([one.ours for one in cases]),
        "skin_share": float(np.mean([one.skin_share for one in cases])),
        "baseline_dice": float(np.mean([_dice(one.baseline) for one in cases])),
        "baseline_area_r": _area_r([one.baseline for one in cases]),
    }


def _table(title: str, cases: Sequence[RealCase]) -> Table:
    # Photos of one patient are alike: intervals are over patients.
    patients: dict[str, list[RealCase]] = {}
    for one in cases:
        patients.setdefault(one.patient, []).append(one)
    return tabulate(title, _NOTE.format(count=len(cases)), _ROWS, list(patients.values()), figures)


def _case(model: Segmentation, photo: Path, mask: Path, said: dict[str, str], by: str) -> RealCase:
    bgr, drawn = cv2.imread(str(photo)), cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
    if bgr is None or drawn is None:
        raise ConfigurationError("a photo or its mask is no picture")
    scale = min(1.0, _LONGEST / max(bgr.shape[:2]))
    shape = (round(bgr.shape[1] * scale), round(bgr.shape[0] * scale))
    image = np.ascontiguousarray(cv2.resize(bgr, shape, interpolation=cv2.INTER_AREA)[..., ::-1])
    truth = cv2.resize(drawn, shape, interpolation=cv2.INTER_NEAREST) > 127
    masks = model.segment(np.asarray(image, np.uint8))
    redness = np.log((image[..., 0] + 8.0) / (image[..., 1] + 8.0))
    levels = np.clip(redness * 200, 0, 255).astype(np.uint8)
    _, red = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return RealCase(
        patient=said.get("patient") or photo.stem,
        group=said.get(by, ""),
        ours=overlap(masks.lesion, truth),
        baseline=overlap(red > 0, truth),
        skin_share=float(masks.skin[truth].mean()) if truth.any() else 0.0,
    )


def _said(groups: Path | None) -> dict[str, dict[str, str]]:
    if groups is None:
        return {}
    with groups.open(encoding="utf-8", newline="") as opened:
        return {row["image"]: row for row in csv.DictReader(opened)}


def _dice(one: Overlap) -> float:
    total = one.found + one.true
    return 2 * one.both / total if total else 1.0


def _area_r(overlaps: Sequence[Overlap]) -> float:
    return correlation(
        [one.found / one.pixels for one in overlaps], [one.true / one.pixels for one in overlaps]
    )
