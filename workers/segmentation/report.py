"""Report: the tables of the clinical photos, phantom and real.

``cutis eval segmentation``, or ``python -m workers.segmentation.report``.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch

from workers.learning.agreement import bland_altman
from workers.learning.bootstrap import correlation
from workers.learning.command_line import evaluation_parser, fewer, use_threads
from workers.learning.contact_sheet import write_sheet
from workers.learning.folder import add_folder
from workers.learning.folds import Fold, add_folds, write_folds
from workers.learning.page import facts_of, write
from workers.learning.platt import calibration_error
from workers.learning.plots import Classification, Plot, agreement
from workers.learning.results import Row, Table, tabulate
from workers.learning.training import default_device
from workers.learning.weights import read_manifest
from workers.segmentation.bank import draw_bank
from workers.segmentation.evaluate import ARMS, MASKS, Case, Overlap, metrics_of, read
from workers.segmentation.folder import photos_of
from workers.segmentation.model import Segmentation, load, load_whole
from workers.segmentation.network import CropClassifier, DeepLab
from workers.segmentation.phantom import View, photo
from workers.segmentation.real import real_tables
from workers.segmentation.spec import SPEC
from workers.segmentation.train import CALIBRATION_SUBJECTS, teach

SUBJECTS = range(1_000_000, 1_000_120)
"""Training counts subjects from 0, so these are never seen there."""

FOLD_SUBJECTS = range(700)

_MASK_NOTE = (
    "Pooled over all pixels of all photos. Baseline: the best single threshold on redness (skin: "
    "on a skin-colour index), chosen on these very photos, which flatters it. Ceiling: the truth. "
    "Published: F of a light U-Net on ECU (skin), Dice of a cascaded transformer on laser speckle "
    "pictures (keloid, Li 2022), r of keloid areas."
)
_FOLD_NOTE = (
    "The class is not among these figures. Pooled over all pixels of all photos. Baseline: the "
    "best single threshold on redness (skin: on a skin-colour index), chosen on the photos of each "
    "fold. Ceiling: the truth. Published: as for the shipped weights."
)
_MASK_ROWS = (
    Row(
        figure="dice_skin",
        label="skin, Dice",
        baseline="baseline_dice_skin",
        ceiling=1.0,
        published=0.923,
    ),
    Row(figure="iou_skin", label="skin, IoU", ceiling=1.0),
    Row(
        figure="dice_lesion",
        label="lesion, Dice",
        baseline="baseline_dice_lesion",
        ceiling=1.0,
        headline=True,
    ),
    Row(figure="iou_lesion", label="lesion, IoU", ceiling=1.0),
    Row(
        figure="area_r_lesion",
        label="lesion, r of the areas",
        baseline="baseline_area_r_lesion",
        ceiling=1.0,
    ),
    Row(
        figure="dice_keloid",
        label="keloid among other lesions, Dice",
        baseline="baseline_dice_keloid",
        ceiling=1.0,
        published=0.895,
    ),
    Row(
        figure="area_r_keloid",
        label="keloid among other lesions, r of the areas",
        baseline="baseline_area_r_keloid",
        ceiling=1.0,
        published=0.96,
    ),
    Row(figure="bias_lesion", label="lesion, bias of the area (% of the photo)"),
    Row(figure="limits_lesion", label="lesion, 1.96 SD of the difference (% of the photo)"),
)
_CROP_NOTE = (
    "Photos of one of the two classes. A classifier of whole photos is shown the whole photo "
    "(original); another, trained on crops by the true masks, the crop by the true masks (manual) "
    "and the crop by the predicted masks (automatic). Without a crop, both are as original. "
    "Baseline: always the commoner class. Published: sensitivity and specificity of the automatic "
    "arm at "
    "least 0.90, within two points of manual, above original."
)
_CROP_ROWS = (
    Row(figure="crop_hit_rate", label="crop found where the truth has one", ceiling=1.0),
    *(
        Row(
            figure=f"accuracy_{arm}",
            label=f"{arm}: accuracy",
            baseline="baseline_accuracy",
            ceiling=None if arm == "manual" else "accuracy_manual",
        )
        for arm in ARMS
    ),
    Row(
        figure="sensitivity_automatic",
        label="automatic: sensitivity",
        ceiling="sensitivity_manual",
        published=0.90,
        headline=True,
    ),
    Row(
        figure="specificity_automatic",
        label="automatic: specificity",
        ceiling="specificity_manual",
        published=0.90,
        headline=True,
    ),
    Row(
        figure="behind_manual",
        label="accuracy, automatic minus manual",
        published=-0.02,
        headline=True,
    ),
    Row(figure="ahead_of_original", label="accuracy, automatic minus original", published=0.0),
    Row(figure="ece_automatic", label="automatic: calibration error (ECE)", small=True),
)


def figures(cases: Sequence[Case]) -> dict[str, float]:
    """Return every figure of the tables over ``cases``."""
    return mask_figures(cases) | _arms([one for one in cases if one.malignant is not None])


def mask_figures(cases: Sequence[Case]) -> dict[str, float]:
    """Return the figures of the masks alone."""
    found = asdict(metrics_of(cases))
    for name in MASKS:
        ours = [one.masks[name] for one in cases]
        found[f"iou_{name}"] = _iou(ours)
        found[f"area_r_{name}"] = _area_r(ours)
        found[f"baseline_area_r_{name}"] = _area_r([one.baseline[name] for one in cases])
        true_area, area = _areas(ours)
        found[f"bias_{name}"], found[f"limits_{name}"] = bland_altman(area, true_area)
    return found


def tables(cases: Sequence[Case]) -> list[Table]:
    """Return the tables of masks, of masks by view, and of the crop."""
    found = [tabulate("Masks on phantom photos", _MASK_NOTE, _MASK_ROWS, cases, figures)]
    for view in View:
        chosen = [one for one in cases if one.view is view]
        rows = [row for row in _MASK_ROWS if row.figure.startswith("dice")]
        note = f"The {len(chosen)} photos of this view."
        found.append(tabulate(f"Masks, {view.value}", note, rows, chosen, figures))
    found.append(tabulate("Crop rule and class", _CROP_NOTE, _CROP_ROWS, cases, figures))
    return found


def plots(cases: Sequence[Case]) -> list[Plot]:
    """Return areas of lesion and keloid over all photos, as in the table, and the class by arm."""
    classed = [one for one in cases if one.malignant is not None]
    found: list[Plot] = [
        agreement(f"{name} area", "% of the photo", *_areas([one.masks[name] for one in cases]))
        for name in ("lesion", "keloid")
    ]
    if classed:
        found.append(
            Classification(
                title="malignant disease or complication",
                arms={arm: tuple(one.called[arm] for one in classed) for arm in ARMS},
                true=tuple(bool(one.malignant) for one in classed),
            )
        )
    return found


def read_fold(fold: Fold) -> list[Case]:
    """Return the cases of the subjects left out, read by a network that has not learnt them."""
    torch.manual_seed(fold.schedule.seed)
    segmenter = DeepLab()
    bank, others = draw_bank(fold.learnt), draw_bank(CALIBRATION_SUBJECTS)
    teach(segmenter, bank, others, fold.schedule, fold.device, kept=fold.kept)
    return read(Segmentation(segmenter, CropClassifier(), fold.device), None, fold.left_out)


def _arms(cases: Sequence[Case]) -> dict[str, float]:
    """Return accuracy, sensitivity, specificity and ECE of each arm."""
    truth = np.array([one.malignant for one in cases], np.bool_)
    found = {"baseline_accuracy": float(max(truth.mean(), 1 - truth.mean()))}
    for arm in ARMS:
        probability = np.array([one.called[arm] for one in cases])
        answer = probability >= 0.5
        found[f"accuracy_{arm}"] = float((answer == truth).mean())
        found[f"sensitivity_{arm}"] = float(answer[truth].mean()) if truth.any() else np.nan
        found[f"specificity_{arm}"] = float(1 - answer[~truth].mean()) if any(~truth) else np.nan
        found[f"ece_{arm}"] = calibration_error(probability, truth)
    found["behind_manual"] = found["accuracy_automatic"] - found["accuracy_manual"]
    found["ahead_of_original"] = found["accuracy_automatic"] - found["accuracy_original"]
    return found


def _iou(overlaps: Sequence[Overlap]) -> float:
    union = sum(one.found + one.true - one.both for one in overlaps)
    return sum(one.both for one in overlaps) / union if union else 1.0


def _areas(overlaps: Sequence[Overlap]) -> tuple[list[float], list[float]]:
    """Return the true and the found area of each photo, in % of it."""
    return (
        [100 * one.true / one.pixels for one in overlaps],
        [100 * one.found / one.pixels for one in overlaps],
    )


def _area_r(overlaps: Sequence[Overlap]) -> float:
    """Return r of the areas over the photos that truly have one."""
    areas = [(one.found / one.pixels, one.true / one.pixels) for one in overlaps if one.true]
    return correlation(*zip(*areas, strict=True)) if areas else float("nan")


def main() -> None:
    """Evaluate the weights in a folder; print and write the tables."""
    parser = evaluation_parser(SPEC.name)
    add_folder(parser)
    parser.add_argument("--held-out", action="store_true", help="patients that training left out")
    parser.add_argument("--by", default="fitzpatrick", help="column that groups the photos")
    add_folds(parser, steps=700)
    given = parser.parse_args()
    use_threads(given.threads)
    if given.folds:
        said = write_folds(
            given,
            SPEC,
            FOLD_SUBJECTS,
            read_fold,
            rows=_MASK_ROWS,
            figures=mask_figures,
            note=_FOLD_NOTE,
        )
        sys.stdout.write(said)
        return
    device = default_device()
    model, manifest = load(given.weights, device), read_manifest(given.weights)
    folder = photos_of(given)
    if folder:
        found = real_tables(model, folder, given.by, held_out=given.held_out)
        title, name = f"{SPEC.title}: real photos", f"{SPEC.name}-real"
        sys.stdout.write(write(given.output, name, title, found, **facts_of(manifest)))
        return
    photos = [photo(subject, 320) for subject in SUBJECTS[:15]]
    write_sheet(
        given.output / f"{SPEC.name}-phantoms.jpg",
        [(one.image, one.skin * 80 + one.lesion * 80 + one.keloid * 95) for one in photos],
    )
    subjects = fewer(SUBJECTS, quick=given.quick)
    cases = read(model, load_whole(given.weights, device), subjects)
    facts, drawn = facts_of(manifest, subjects), plots(cases)
    sys.stdout.write(write(given.output, SPEC.name, SPEC.title, tables(cases), drawn, **facts))


if __name__ == "__main__":
    main()
