"""Report: the tables of keloids and their perfusion, on phantoms never trained on.

``cutis eval perfusion``, or ``python -m workers.perfusion.report``.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from workers.learning.agreement import bland_altman
from workers.learning.bootstrap import correlation
from workers.learning.command_line import evaluation_parser, fewer, use_threads
from workers.learning.contact_sheet import write_sheet
from workers.learning.results import Row, Table, facts_of, tabulate, write
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
    metrics_of,
    perfused_in,
    read,
    region_r,
    rivals,
)
from workers.perfusion.folder import add_measured, measured_of
from workers.perfusion.followup import patient
from workers.perfusion.model import load, load_twin
from workers.perfusion.phantom import keloid
from workers.perfusion.real import real_table
from workers.perfusion.spec import SPEC

FOLLOW_UP_SUBJECTS = range(1_002_000, 1_002_080)
ROBUSTNESS_SUBJECTS = range(1_000_000, 1_000_040)

_NOTE = (
    "Perfusion in the true keloid, arbitrary units; r per pixel is of the logarithms. Baseline: "
    "log perfusion regressed on log(R/G) and brightness; for the keloid, the best threshold on "
    "log(R/G), chosen on these photos. Ceiling: an oracle that is told all of perfusion that the "
    "photo shows. L1 twin: the same generator trained as long, without an adversary."
)
_ROWS = (
    Row(
        figure="dice_keloid",
        label="keloid, Dice",
        baseline="baseline_dice_keloid",
        ceiling=1.0,
        published=0.895,
    ),
    Row(
        figure="area_r",
        label="keloid, r of the areas",
        baseline="baseline_area_r",
        ceiling=1.0,
        published=0.96,
        headline=True,
    ),
    Row(figure="area_bias", label="keloid, bias of the area (% of the photo)"),
    Row(figure="area_limits", label="keloid, 1.96 SD of the difference (% of the photo)"),
    Row(
        figure="region_r",
        label="perfusion, r of region means",
        baseline="colour_region_r",
        ceiling="oracle_region_r",
        published=0.75,
        headline=True,
    ),
    Row(
        figure="behind_oracle",
        label="r of region means, oracle minus model",
        published=0.05,
        small=True,
        headline=True,
    ),
    Row(
        figure="twin_region_r",
        label="its L1 twin, r of region means",
        baseline="colour_region_r",
        ceiling="oracle_region_r",
    ),
    Row(
        figure="pixel_r",
        label="perfusion, r per pixel",
        baseline="colour_pixel_r",
        ceiling="oracle_pixel_r",
    ),
    Row(
        figure="twin_pixel_r",
        label="its L1 twin, r per pixel",
        baseline="colour_pixel_r",
        ceiling="oracle_pixel_r",
    ),
    Row(
        figure="mae",
        label="perfusion, mean absolute error",
        baseline="colour_mae",
        ceiling="oracle_mae",
        small=True,
    ),
    Row(
        figure="twin_mae",
        label="its L1 twin, mean absolute error",
        baseline="colour_mae",
        ceiling="oracle_mae",
        small=True,
    ),
    Row(figure="ratio_r", label="r of the ratio keloid to surroundings"),
    Row(figure="found", label="keloids found", ceiling=1.0),
    Row(figure="false_alarms", label="alarms on photos without a keloid", small=True),
    Row(figure="lsci_r", label="flow index of simulated raw frames, r with true log perfusion"),
)
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


def figures(cases: Sequence[Case]) -> dict[str, float]:
    """Return every figure of the first table over ``cases``."""
    found = asdict(metrics_of(cases))
    perfused = [one.perfused for one in cases if one.perfused is not None]
    for arm in ("twin", "oracle"):
        found[f"{arm}_region_r"] = region_r(perfused, arm)
        found[f"{arm}_pixel_r"] = float(np.mean([one.pixel_r[arm] for one in perfused]))
        found[f"{arm}_mae"] = float(np.mean([one.errors[arm] for one in perfused]))
    found["behind_oracle"] = found["oracle_region_r"] - found["region_r"]
    areas = [one for one in cases if one.true]
    true = np.array([one.true / one.pixels for one in areas])
    ours = np.array([one.found / one.pixels for one in areas])
    found["area_r"] = correlation(ours, true)
    found["baseline_area_r"] = correlation([one.red / one.pixels for one in areas], true)
    found["area_bias"], found["area_limits"] = bland_altman(100 * ours, 100 * true)
    return found


def follow_up(compared: Rivals, subjects: range) -> Table:
    """Return the table of patients before and after treatment."""
    pairs = []
    for one in map(patient, subjects):
        visits = (perfused_in(compared, visit) for visit in (one.before, one.after))
        pairs.append(tuple(visits))
    return tabulate(
        "Before and after treatment", _FOLLOW_UP_NOTE, _FOLLOW_UP_ROWS, pairs, _followed
    )


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
    given = parser.parse_args()
    use_threads(given.threads)
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
    found = [
        tabulate("Keloids on phantom photos", _NOTE, _ROWS, cases, figures),
        follow_up(compared, fewer(FOLLOW_UP_SUBJECTS, quick=quick)),
        *robustness(compared, fewer(ROBUSTNESS_SUBJECTS, quick=quick)),
    ]
    facts = facts_of(manifest, subjects)
    sys.stdout.write(write(given.output, SPEC.name, SPEC.title, found, **facts))


if __name__ == "__main__":
    main()
