"""Report: the tables of the layers, on simulated subjects never trained on.

``cutis eval layers``, or ``python -m workers.layers.report``.
"""

import sys
from collections.abc import Sequence
from typing import get_args

import numpy as np

from workers.layers.bank import bank
from workers.layers.evaluate import Case, read, unseen_section
from workers.layers.figures import DICE_ROWS, figures
from workers.layers.folder import sections_of
from workers.layers.model import Layers, load
from workers.layers.phantom import Kind
from workers.layers.real import real_table
from workers.layers.spec import SPEC
from workers.layers.train import TRAINING_SUBJECTS, teach
from workers.learning.command_line import evaluation_parser, fewer, use_threads
from workers.learning.contact_sheet import write_sheet
from workers.learning.folder import add_folder
from workers.learning.folds import Fold, add_folds, write_folds
from workers.learning.page import facts_of, write
from workers.learning.plots import Plot, agreement
from workers.learning.results import Row, Table, tabulate
from workers.learning.training import default_device
from workers.learning.weights import read_manifest

SUBJECTS = range(100_000, 100_060)
"""Far from the training subjects: no seed is shared."""

_NOTE = (
    "Dice per section and layer, the gel never counts. Baseline: flat layers of usual thickness "
    "under the steepest rise of brightness. Ceiling: the true boundaries drawn on whole rows. "
    "Published: layers of LC-OCT by a U-Net. A protrusion is found whose deepest point lies within "
    "20 um of a true one's, sideways; baseline: those found, mirrored left to right."
)
_FOLDS_NOTE = "Published: layers of LC-OCT by a U-Net over five folds."
_ROWS = (
    *DICE_ROWS,
    Row(figure="surface_error_um", label="surface, mean error (um)", small=True),
    Row(figure="corneum_error_um", label="corneum to epidermis, mean error (um)", small=True),
    Row(figure="junction_error_um", label="junction (DEJ), mean error (um)", small=True),
    Row(figure="corneum_r", label="corneum thickness, r with the truth", ceiling=1.0),
    Row(figure="corneum_bias", label="corneum thickness, bias (um)"),
    Row(figure="corneum_limits", label="corneum thickness, 1.96 SD of the difference (um)"),
    Row(figure="epidermis_r", label="epidermis thickness, r with the truth", ceiling=1.0),
    Row(figure="epidermis_bias", label="epidermis thickness, bias (um)"),
    Row(figure="epidermis_limits", label="epidermis thickness, 1.96 SD of the difference (um)"),
    Row(figure="undulation_r", label="DEJ undulation, r with the truth", ceiling=1.0),
    Row(figure="undulation_bias", label="DEJ undulation, bias"),
    Row(figure="undulation_limits", label="DEJ undulation, 1.96 SD of the difference"),
    Row(
        figure="protrusion_precision",
        label="protrusions, precision",
        baseline="baseline_protrusion_precision",
        ceiling=1.0,
    ),
    Row(
        figure="protrusion_recall",
        label="protrusions, recall",
        baseline="baseline_protrusion_recall",
        ceiling=1.0,
    ),
    Row(figure="protrusion_count_error", label="protrusions, error of the number", small=True),
    Row(
        figure="entropy_auroc",
        label="entropy tells a disrupted DEJ, AUC",
        baseline=0.5,
    ),
)
_MEASURES = (
    ("corneum thickness", "um"),
    ("epidermis thickness", "um"),
    ("DEJ undulation", "ratio"),
)
_KIND_ROWS = (
    Row(figure="dice", label="Dice, mean of the layers", baseline="dice_baseline", published=0.95),
    Row(figure="junction_error_um", label="junction (DEJ), mean error (um)", small=True),
)


def tables(cases: Sequence[Case]) -> list[Table]:
    """Return the table over all ``cases``, and one for each kind of skin."""
    found = [tabulate("Layers on simulated sections", _NOTE, _ROWS, cases, figures)]
    for kind in get_args(Kind):
        chosen = [one for one in cases if one.kind == kind]
        if len(chosen) > 2:
            note = f"The {len(chosen)} sections of this kind."
            found.append(tabulate(f"Kind of skin: {kind}", note, _KIND_ROWS, chosen, figures))
    return found


def plots(cases: Sequence[Case]) -> list[Plot]:
    """Return thickness of corneum and epidermis, and undulation, against the truth."""
    return [
        agreement(
            title, unit, [one.true[index] for one in cases], [one.measures[index] for one in cases]
        )
        for index, (title, unit) in enumerate(_MEASURES)
    ]


def read_fold(fold: Fold) -> list[Case]:
    """Return the cases of the subjects left out, read by a network that has not learnt them."""
    kept = fold.kept / "network.checkpoint"
    network = teach(bank(fold.learnt), fold.schedule, fold.device, kept=kept)
    return read(Layers(network, fold.device), fold.left_out)


def main() -> None:
    """Evaluate the weights in a folder; print and write the tables."""
    parser = evaluation_parser(SPEC.name)
    add_folder(parser)
    parser.add_argument("--held-out", action="store_true", help="patients that training left out")
    add_folds(parser, steps=800)
    given = parser.parse_args()
    use_threads(given.threads)
    if given.folds:
        said = write_folds(
            given,
            SPEC,
            TRAINING_SUBJECTS,
            read_fold,
            rows=DICE_ROWS,
            figures=figures,
            note=_FOLDS_NOTE,
        )
        sys.stdout.write(said)
        return
    folder, manifest = sections_of(given), read_manifest(given.weights)
    if folder:
        found = [real_table(load(given.weights, default_device()), folder, held_out=given.held_out)]
        title, name = f"{SPEC.title}: real sections", f"{SPEC.name}-real"
        sys.stdout.write(write(given.output, name, title, found, **facts_of(manifest)))
        return
    subjects = fewer(SUBJECTS, quick=given.quick)
    sections = [unseen_section(subject) for subject in SUBJECTS[:9]]
    write_sheet(
        given.output / f"{SPEC.name}-phantoms.jpg",
        [(one.pixels, one.labels * np.uint8(85)) for one in sections],
    )
    cases = read(load(given.weights, default_device()), subjects)
    facts, drawn = facts_of(manifest, subjects), plots(cases)
    sys.stdout.write(write(given.output, SPEC.name, SPEC.title, tables(cases), drawn, **facts))


if __name__ == "__main__":
    main()
