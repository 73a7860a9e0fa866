"""Figures: what the tables of keloids and their perfusion say of a number of photos."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from workers.learning.agreement import bland_altman
from workers.learning.bootstrap import correlation
from workers.learning.results import Row
from workers.perfusion.evaluate import Case, metrics_of, region_r

NOTE = (
    "Perfusion in the true keloid, arbitrary units; r per pixel is of the logarithms. Baseline: "
    "log perfusion regressed on log(R/G) and brightness; for the keloid, the best threshold on "
    "log(R/G), chosen on these photos. Ceiling: an oracle that is told all of perfusion that the "
    "photo shows. L1 twin: the same generator trained as long, without an adversary."
)
ROWS = (
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
FOLD_NOTE = (
    "Perfusion in the true keloid, arbitrary units; r per pixel is of the logarithms. Baseline: "
    "colour regression on subjects of no fold; for the keloid, the best threshold on log(R/G), "
    "chosen on the photos of each fold. Ceiling: an oracle that is told all of perfusion that the "
    "photo shows."
)
FOLD_ROWS = tuple(row for row in ROWS if not row.figure.startswith(("twin", "false", "lsci")))
"""Folds train no twin, show no photos without a keloid and make no raw frames."""


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
