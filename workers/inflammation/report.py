"""Report: the tables of the inflammation grade, on simulated fields never trained on.

``cutis eval inflammation``, or ``python -m workers.inflammation.report``.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from workers.inflammation.evaluate import (
    Case,
    metrics_of,
    quadratic_kappa,
    read,
    unseen_field,
)
from workers.inflammation.folder import add_grades, graded_of
from workers.inflammation.model import Inflammation, load
from workers.inflammation.phantom import GRADES
from workers.inflammation.postprocess import grade_of
from workers.inflammation.real import real_table
from workers.inflammation.references import expert_grade, fit_statistics, oracle, statistics
from workers.inflammation.spec import SPEC
from workers.inflammation.train import bank, teach
from workers.learning.bootstrap import correlation
from workers.learning.command_line import evaluation_parser, fewer, use_threads
from workers.learning.contact_sheet import write_sheet
from workers.learning.folds import Fold, add_folds, write_folds
from workers.learning.page import facts_of, write
from workers.learning.plots import ConfusionMatrix, Plot, agreement
from workers.learning.results import Row, Table, tabulate
from workers.learning.training import default_device
from workers.learning.weights import read_manifest

SUBJECTS = range(100_000, 100_120)
"""Far from the training subjects: no seed is shared."""

BASELINE_SUBJECTS = range(50_000, 50_080)
"""What the baseline is fitted on: neither trained nor tested on."""

FOLD_SUBJECTS = range(1500)

_NOTE = (
    "Scores run from 0 to 4. The expert is the true mean score plus noise of SD 0.11, rounded; the "
    "other figures are against the true score itself. Baseline: linear regression on skewness, "
    "bright share and texture energy of the field, fitted on other fields. Ceiling: a reader who "
    "knows how the simulation works, measures every sign without error and applies Bayes' rule. "
    "Published: 87 % accuracy and a mean absolute deviation of 0.037. On whole grades, 87 % right "
    "forces a mean deviation of at least 0.13 on the scale 0 to 4, so 0.037 can only be on the "
    "scale 0 to 1 (or a signed mean); both scales are given."
)
_ROWS = (
    Row(
        figure="expert_accuracy",
        label="accuracy against the expert",
        baseline="baseline_accuracy",
        ceiling="oracle_expert_accuracy",
        published=0.87,
        headline=True,
    ),
    Row(
        figure="expert_mae_share",
        label="mean absolute deviation from the expert's grade, whole grades, scale 0 to 1",
        published=0.037,
        small=True,
        headline=True,
    ),
    Row(
        figure="expert_mae",
        label="mean absolute deviation from the expert's grade, whole grades, scale 0 to 4",
        small=True,
    ),
    Row(
        figure="accuracy",
        label="accuracy against the true score",
        baseline="baseline_accuracy",
        ceiling="oracle_accuracy",
    ),
    Row(figure="accuracy_within_one", label="at most one grade off"),
    Row(
        figure="mae",
        label="mean absolute error of the score, scale 0 to 4",
        baseline="baseline_mae",
        ceiling="oracle_mae",
        small=True,
    ),
    Row(figure="mae_share", label="mean absolute error of the score, scale 0 to 1", small=True),
    Row(figure="bias", label="bias of the score"),
    Row(figure="expert_kappa", label="quadratic kappa with the expert"),
    Row(figure="correlation", label="r of the score", baseline="baseline_r"),
    Row(figure="map_correlation", label="r of the map with the true field, every pixel"),
    Row(figure="map_mae", label="mean absolute error of the map", small=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """One subject: what the network found, the expert's grade, and the baseline's score."""

    case: Case
    expert: int
    baseline: float


def figures(subjects: Sequence[Graded]) -> dict[str, float]:
    """Return every figure of the table over ``subjects``."""
    found = asdict(metrics_of([one.case for one in subjects]))
    true = np.array([one.case.true for one in subjects])
    grade = np.array([grade_of(one.case.found) for one in subjects])
    expert = np.array([one.expert for one in subjects])
    baseline = np.array([one.baseline for one in subjects])
    baseline_grade = np.array([grade_of(one) for one in baseline])
    best = oracle()
    apart = float(np.abs(grade - expert).mean())
    return found | {
        "expert_accuracy": float((grade == expert).mean()),
        "expert_mae": apart,
        "expert_mae_share": apart / (GRADES - 1),
        "expert_kappa": quadratic_kappa(grade, expert),
        "baseline_accuracy": float((baseline_grade == expert).mean()),
        "baseline_mae": float(np.abs(baseline - true).mean()),
        "baseline_r": correlation(baseline, true),
        "oracle_mae": best.mae,
        "oracle_accuracy": best.accuracy,
        "oracle_expert_accuracy": best.expert_accuracy,
    }


def grade(model: Inflammation, subjects: range, baseline_subjects: range) -> list[Graded]:
    """Return what network, expert and baseline make of each subject."""
    coefficients = fit_statistics([unseen_field(one) for one in baseline_subjects])
    return [
        Graded(
            case=case,
            expert=expert_grade(subject, case.true),
            baseline=float(np.clip(statistics(case.field) @ coefficients, 0, GRADES - 1)),
        )
        for subject, case in zip(subjects, read(model, subjects), strict=True)
    ]


def tables(subjects: Sequence[Graded]) -> list[Table]:
    """Return the table over ``subjects``."""
    return [tabulate("Grades of simulated fields", _NOTE, _ROWS, subjects, figures)]


def read_fold(fold: Fold) -> list[Graded]:
    """Return the cases of the subjects left out, read by a network that has not learnt them."""
    network = teach(bank(fold.learnt), fold.schedule, fold.device, kept=fold.kept)
    return grade(Inflammation(network, fold.device), fold.left_out, BASELINE_SUBJECTS)


def plots(subjects: Sequence[Graded]) -> list[Plot]:
    """Return scores against the true ones, and grades against the expert's."""
    cases = [one.case for one in subjects]
    return [
        agreement("score", "0 to 4", [one.true for one in cases], [one.found for one in cases]),
        ConfusionMatrix(
            title="grades: the expert's and ours",
            grades=GRADES,
            expert=tuple(one.expert for one in subjects),
            found=tuple(grade_of(one.found) for one in cases),
        ),
    ]


def main() -> None:
    """Evaluate the weights in a folder; print and write the table."""
    parser = evaluation_parser(SPEC.name)
    add_grades(parser)
    parser.add_argument("--held-out", action="store_true", help="patients that training left out")
    add_folds(parser, steps=1500)
    given = parser.parse_args()
    use_threads(given.threads)
    if given.folds:
        said = write_folds(
            given, SPEC, FOLD_SUBJECTS, read_fold, rows=_ROWS, figures=figures, note=_NOTE
        )
        sys.stdout.write(said)
        return
    model, manifest = load(given.weights, default_device()), read_manifest(given.weights)
    graded = graded_of(given)
    if graded:
        found = [real_table(model, graded, held_out=given.held_out)]
        title, name = f"{SPEC.title}: real fields", f"{SPEC.name}-real"
        sys.stdout.write(write(given.output, name, title, found, **facts_of(manifest)))
        return
    subjects = fewer(SUBJECTS, quick=given.quick)
    fields = [unseen_field(subject) for subject in SUBJECTS[:9]]
    write_sheet(
        given.output / f"{SPEC.name}-phantoms.jpg",
        [(one.pixels, one.score * (255 / (GRADES - 1))) for one in fields],
    )
    read_by_all = grade(model, subjects, fewer(BASELINE_SUBJECTS, quick=given.quick))
    facts, drawn = facts_of(manifest, subjects), plots(read_by_all)
    sys.stdout.write(
        write(given.output, SPEC.name, SPEC.title, tables(read_by_all), drawn, **facts)
    )


if __name__ == "__main__":
    main()
