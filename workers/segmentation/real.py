"""Real photos: the lesion masks of the network against those that people drew."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from shared.errors import ConfigurationError
from workers.learning.bootstrap import correlation
from workers.learning.folder import Folder, FolderCase, by_patient, is_held_out
from workers.learning.results import Row, Table, tabulate
from workers.segmentation.evaluate import Overlap, overlap
from workers.segmentation.folder import read_photo
from workers.segmentation.model import Segmentation
from workers.segmentation.spec import LESION

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
    model: Segmentation, folder: Folder, by: str, *, held_out: bool = False
) -> list[Table]:
    """Return the table of all photos of lesions in ``folder``, and one for each group.

    Groups are of what the folder's table says in the column ``by``. With ``held_out``, only
    patients count that no training from this folder has seen.

    Raises
    ------
    ConfigurationError
        No photo has a mask.
    """
    photos = [
        one
        for one in folder.cases()
        if LESION in one.masks and (not held_out or is_held_out(one.patient))
    ]
    if not photos:
        raise ConfigurationError("no photo has a mask of its name")
    cases = [_case(model, one, one.row.get(by, "")) for one in photos]
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
    patients = by_patient((one.patient, one) for one in cases)
    return tabulate(title, _NOTE.format(count=len(cases)), _ROWS, patients, figures)


def _case(model: Segmentation, case: FolderCase, group: str) -> RealCase:
    one = read_photo(case)
    drawn = one.bits & np.uint8(1 << (LESION - 1))
    scale = min(1.0, _LONGEST / max(one.image.shape[:2]))
    shape = (round(one.image.shape[1] * scale), round(one.image.shape[0] * scale))
    image = np.ascontiguousarray(cv2.resize(one.image, shape, interpolation=cv2.INTER_AREA))
    truth = cv2.resize(drawn, shape, interpolation=cv2.INTER_NEAREST) > 0
    masks = model.segment(np.asarray(image, np.uint8))
    redness = np.log((image[..., 0] + 8.0) / (image[..., 1] + 8.0))
    levels = np.clip(redness * 200, 0, 255).astype(np.uint8)
    _, red = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return RealCase(
        patient=case.patient,
        group=group,
        ours=overlap(masks.lesion, truth),
        baseline=overlap(red > 0, truth),
        skin_share=float(masks.skin[truth].mean()) if truth.any() else 0.0,
    )


def _dice(one: Overlap) -> float:
    total = one.found + one.true
    return 2 * one.both / total if total else 1.0


def _area_r(overlaps: Sequence[Overlap]) -> float:
    return correlation(
        [one.found / one.pixels for one in overlaps], [one.true / one.pixels for one in overlaps]
    )
