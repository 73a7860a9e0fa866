"""Real fields: the grades that the network gives against those of experts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.errors import ConfigurationError
from workers.inflammation.evaluate import BASELINE_SCORE, quadratic_kappa
from workers.inflammation.folder import GradedField, GradedFolder
from workers.inflammation.model import Inflammation
from workers.inflammation.network import GRADES
from workers.inflammation.postprocess import grade_of
from workers.learning.bootstrap import correlation
from workers.learning.folder import by_patient
from workers.learning.results import Row, Table, tabulate

_NOTE = (
    "{count} real fields that experts graded, intervals over patients. Baseline: grade 2, "
    "whatever the image shows."
)
_ROWS = (
    Row(figure="accuracy", label="accuracy", baseline="baseline_accuracy", published=0.87),
    Row(
        figure="mae_share",
        label="mean absolute deviation of whole grades, scale 0 to 1",
        baseline="baseline_mae_share",
        published=0.037,
        small=True,
    ),
    Row(figure="kappa", label="quadratic kappa"),
    Row(figure="correlation", label="r of the score"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RealCase:
    """The expert's grade of one field and the score that was found, both 0 to 4."""

    grade: float
    score: float


def real_table(model: Inflammation, graded: GradedFolder, *, held_out: bool = False) -> Table:
    """Return the table of the fields in a folder; with ``held_out``, of patients left out.

    Raises
    ------
    ConfigurationError
        No field has a grade.
    """
    patients = by_patient(
        (one.patient, _case(model, one))
        for one in graded.fields(held_out=True if held_out else None)
    )
    if not patients:
        whose = " of a patient who is held out" if held_out else ""
        raise ConfigurationError(f"no field{whose} in the folder has a grade")
    note = _NOTE.format(count=sum(map(len, patients)))
    return tabulate("Real fields", note, _ROWS, patients, figures)


def figures(patients: Sequence[Sequence[RealCase]]) -> dict[str, float]:
    """Return the figures over all fields of ``patients``."""
    cases = [one for patient in patients for one in patient]
    expert = np.array([grade_of(one.grade) for one in cases])
    found = np.array([grade_of(one.score) for one in cases])
    middle = np.full(len(cases), int(BASELINE_SCORE))
    return {
        "accuracy": float((found == expert).mean()),
        "baseline_accuracy": float((middle == expert).mean()),
        "mae_share": float(np.abs(found - expert).mean()) / (GRADES - 1),
        "baseline_mae_share": float(np.abs(middle - expert).mean()) / (GRADES - 1),
        "kappa": quadratic_kappa(found, expert),
        "correlation": correlation([one.grade for one in cases], [one.score for one in cases]),
    }


def _case(model: Inflammation, one: GradedField) -> RealCase:
    return RealCase(grade=one.grade, score=model.read_frame(one.pixels, one.spacing).whole)
