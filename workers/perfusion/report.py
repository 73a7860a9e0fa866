"""Report: the tables of keloids and their perfusion, on phantoms never trained on.

``cutis eval perfusion``, or ``python -m workers.perfusion.report``.
"""

import sys
from collections.abc import Sequence

import numpy as np

from workers.learning.bootstrap import correlation
from workers.learning.command_line import evaluation_parser, fewer, use_threads
from workers.learning.contact_sheet import write_sheet
from workers.learning.folds import Fold, add_folds, write_folds
from workers.learning.page import facts_of, write
from workers.learning.plots import Curve, Plot, agreement
from workers.learning.results import Row, Table, tabulate
from workers.learning.training import default_device
from workers.learning.weights import read_manifest
from workers.perfusion.disturbances import DISTURBANCES, disturb
from workers.perfusion.evaluate import (
    ARMS,
    BARE_SUBJECTS,
    TEST_SUBJECTS,
    Case,
    Perfused,
    Rivals,
    perfused_in,
    read,
    region_r,
    rivals,
)
from workers.perfusion.figures import FOLD_NOTE, FOLD_ROWS, NOTE, ROWS, figures
from workers.perfusion.folder import add_measured, measured_of
from workers.perfusion.followup import patient
from workers.perfusion.model import Perfusion, load, load_twin
from workers.perfusion.phantom import keloid
from workers.perfusion.real import real_table
from workers.perfusion.spec import SPEC
from workers.perfusion.train import draw_bank, teach

FOLLOW_UP_SUBJECTS = range(1_002_000, 1_002_080)
FOLD_SUBJECTS = range(100, 700)
"""Not those that the colour regression is fitted on."""

ROBUSTNESS_SUBJECTS = range(1_000_000, 1_000_040)

_FOLLOW_UP_NOTE = (
    "Both visits of a patient: treatment leaves 25 to 80 % of the excess perfusion, darkens the "
    "keloid, and light, camera and part of the speed are new. Laser speckle is 1 to 3 pixels off "
    "the photo. r of region means over patients; the change is after over before."
)
_FOLLOW_UP_ROWS = tuple(
    Row(
        figure=f"{when}_model",
        label=label,
        baseline=f"{when}_colour",
        ceiling=f"{when}_oracle",
        published=published,
        headline=published is not None,
    )
    for when, label, published in (
        ("before", "before treatment, r of region means", 0.64),
        ("after", "after treatment, r of region means", 0.76),
        ("change", "change, r of its logarithm", None),
    )
)
_ROBUSTNESS_NOTE = "r of region means. Baseline: colour regression. Ceiling: the oracle."


def follow_up(compared: Rivals, subjects: range) -> list[tuple[Perfused, ...]]:
    """Return both visits of each patient, before and after treatment."""
    return [
        tuple(perfused_in(compared, visit) for visit in (one.before, one.after))
        for one in map(patient, subjects)
    ]


def robustness(compared: Rivals, subjects: range) -> list[Table]:
    """Return one table for each disturbance, one line for each of its levels."""
    phantoms = [keloid(subject, with_keloid=True) for subject in subjects]
    found = []
    for name, levels in DISTURBANCES.items():
        cases = [
            [perfused_in(compared, disturb(name, level, one)) for level in levels]
            for one in phantoms
        ]
        rows = [
            Row(
                figure=f"model {index}",
                label=f"{level:g}",
                baseline=f"colour {index}",
                ceiling=f"oracle {index}",
            )
            for index, level in enumerate(levels)
        ]
        title = f"Robustness: {name}"
        found.append(tabulate(title, _ROBUSTNESS_NOTE, rows, cases, _by_level))
    return found


def read_fold(fold: Fold) -> list[Case]:
    """Return the cases of the subjects left out, read by a network that has not learnt them."""
    bank, kept = draw_bank(fold.learnt), fold.kept / "generator.checkpoint"
    generator = teach(bank, fold.schedule, fold.device, adversary=True, kept=kept)
    model = Perfusion(generator, fold.device)
    return read(rivals(model, model), fold.left_out, range(0))


def plots(
    cases: Sequence[Case], followed: Sequence[tuple[Perfused, ...]], robust: Sequence[Table]
) -> list[Plot]:
    """Return areas, region means, their change after treatment, and one curve a disturbance."""
    areas = [one for one in cases if one.true]
    seen = [one.perfused for one in cases if one.perfused is not None]
    changed = [np.log(after.mean / before.mean) for before, after in followed]
    found = [np.log(b.means["model"] / a.means["model"]) for a, b in followed]
    return [
        agreement(
            "keloid area",
            "% of the photo",
            [100 * one.true / one.pixels for one in areas],
            [100 * one.found / one.pixels for one in areas],
        ),
        agreement(
            "region means",
            "a. u.",
            [one.mean for one in seen],
            [one.means["model"] for one in seen],
        ),
        agreement("after treatment", "log ratio to before", changed, found),
        *(Curve(table=one, of="r of region means") for one in robust),
    ]


def _followed(pairs: Sequence[tuple[Perfused, ...]]) -> dict[str, float]:
    found = {}
    for arm in ARMS:
        before, after = [one for one, _ in pairs], [one for _, one in pairs]
        found[f"before_{arm}"] = region_r(before, arm)
        found[f"after_{arm}"] = region_r(after, arm)
        found[f"change_{arm}"] = correlation(
            [np.log(b.mean / a.mean) for a, b in pairs],
            [np.log(b.means[arm] / a.means[arm]) for a, b in pairs],
        )
    return found


def _by_level(cases: Sequence[Sequence[Perfused]]) -> dict[str, float]:
    return {
        f"{arm} {index}": region_r(level, arm)
        for arm in ("model", "colour", "oracle")
        for index, level in enumerate(zip(*cases, strict=True))
    }


def main() -> None:
    """Evaluate the weights in a folder; print and write the tables."""
    parser = evaluation_parser(SPEC.name)
    add_measured(parser)
    parser.add_argument("--held-out", action="store_true", help="patients that training left out")
    add_folds(parser, steps=600)
    given = parser.parse_args()
    use_threads(given.threads)
    if given.folds:
        said = write_folds(
            given, SPEC, FOLD_SUBJECTS, read_fold, rows=FOLD_ROWS, figures=figures, note=FOLD_NOTE
        )
        sys.stdout.write(said)
        return
    quick, manifest = given.quick, read_manifest(given.weights)
    device, subjects = default_device(), fewer(TEST_SUBJECTS, quick=quick)
    compared = rivals(load(given.weights, device), load_twin(given.weights, device))
    measured = measured_of(given)
    if measured:
        real = real_table(compared.model, compared.colour, measured, held_out=given.held_out)
        title, name = f"{SPEC.title}: real photos", f"{SPEC.name}-real"
        sys.stdout.write(write(given.output, name, title, [real], **facts_of(manifest)))
        return
    keloids = [keloid(subject) for subject in TEST_SUBJECTS[:9]]
    write_sheet(
        given.output / f"{SPEC.name}-phantoms.jpg",
        [(one.photo, np.clip(one.perfusion * (255 / 250), 0, 255)) for one in keloids],
    )
    cases = read(compared, subjects, fewer(BARE_SUBJECTS, quick=quick))
    followed = follow_up(compared, fewer(FOLLOW_UP_SUBJECTS, quick=quick))
    robust = robustness(compared, fewer(ROBUSTNESS_SUBJECTS, quick=quick))
    found = [
        tabulate("Keloids on phantom photos", NOTE, ROWS, cases, figures),
        tabulate(
            "Before and after treatment", _FOLLOW_UP_NOTE, _FOLLOW_UP_ROWS, followed, _followed
        ),
        *robust,
    ]
    facts, drawn = facts_of(manifest, subjects), plots(cases, followed, robust)
    sys.stdout.write(write(given.output, SPEC.name, SPEC.title, found, drawn, **facts))


if __name__ == "__main__":
    main()
