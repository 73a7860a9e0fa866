"""Evaluation: prediction and baselines on phantom subjects that were not trained on.

The tables are in ``report.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.learning.bootstrap import correlation
from workers.perfusion.baselines import ColourRegression, best_cut, fit_colour, red_mask
from workers.perfusion.contrast import flow
from workers.perfusion.model import Perfusion
from workers.perfusion.phantom import KeloidPhantom, keloid
from workers.perfusion.postprocess import region_of
from workers.perfusion.speckle import raw_frames

TEST_SUBJECTS = range(1_000_000, 1_000_100)
"""Training counts subjects from 0, so these are never seen there."""

BARE_SUBJECTS = range(1_001_000, 1_001_050)
"""Photographed without a keloid, to count false alarms."""

COLOUR_SUBJECTS = range(60)
"""What the colour regression is fitted on."""

ARMS = ("model", "twin", "colour", "constant", "oracle")
"""What predicts: the model, its L1-trained twin, colour regression, a constant, the best possible.

The last knows all of perfusion that the photo tells, and not what it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """The model and what it is compared with."""

    model: Perfusion
    twin: Perfusion
    colour: ColourRegression


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Figures over the test subjects; perfusion in the phantoms' arbitrary units.

    ``mae`` and ``pixel_r`` are in the true keloid, averaged over photos; ``region_r`` correlates
    the mean in the keloid, ``ratio_r`` the ratio keloid to surroundings, over photos. The colour
    baseline is a linear regression of log perfusion on log(R/G) and brightness, fitted on
    training phantoms; the constant baseline their mean. The mask baseline is the best single
    threshold on log(R/G), chosen on the test photos themselves. ``false_alarms`` is the share of
    photos without a keloid in which one is found, ``found`` the share of those with one. ``lsci_r``
    is how well the flow index of simulated raw frames follows true log perfusion, over the whole
    image.
    """

    mae: float
    colour_mae: float
    constant_mae: float
    pixel_r: float
    colour_pixel_r: float
    region_r: float
    colour_region_r: float
    ratio_r: float
    dice_keloid: float
    baseline_dice_keloid: float
    found: float
    false_alarms: float
    lsci_r: float
    photos: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Perfused:
    """Perfusion in the true keloid of one photo: true mean, and what each arm made of it."""

    mean: float
    means: dict[str, float]
    errors: dict[str, float]
    pixel_r: dict[str, float]
    ratio: float
    found_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One photo. Areas are pixels: true, found, in both, and found by the colour threshold.

    ``perfused`` is ``None`` without a keloid; ``asked_bare`` marks photos made without one to
    count false alarms; ``lsci_r`` is NaN where no raw frames were made.
    """

    perfused: Perfused | None
    asked_bare: bool
    true: int
    found: int
    both: int
    red: int
    red_both: int
    pixels: int
    lsci_r: float


def rivals(model: Perfusion, twin: Perfusion) -> Rivals:
    """Return both beside the colour regression."""
    return Rivals(model=model, twin=twin, colour=fit_colour(COLOUR_SUBJECTS))


def evaluate(compared: Rivals, subjects: range = TEST_SUBJECTS) -> Metrics:
    """Return the figures of ``compared`` on the phantoms of ``subjects``."""
    return metrics_of(read(compared, subjects, BARE_SUBJECTS))


def read(compared: Rivals, subjects: range, bare: range) -> list[Case]:
    """Return one case for each subject, and one for each photographed without a keloid."""
    phantoms = [keloid(subject) for subject in subjects]
    cut = best_cut(phantoms)
    cases = [
        _case(compared, cut, one, lsci_seed=seed if seed < 10 else None)
        for seed, one in enumerate(phantoms)
    ]
    without = [keloid(subject, with_keloid=False) for subject in bare]
    return cases + [_case(compared, cut, one, asked_bare=True) for one in without]


def metrics_of(cases: Sequence[Case]) -> Metrics:
    """Return the figures over ``cases``."""
    perfused = [one.perfused for one in cases if one.perfused is not None]
    tested = [one for one in cases if not one.asked_bare]
    lsci = [one.lsci_r for one in cases if np.isfinite(one.lsci_r)]
    return Metrics(
        mae=_average(one.errors["model"] for one in perfused),
        colour_mae=_average(one.errors["colour"] for one in perfused),
        constant_mae=_average(one.errors["constant"] for one in perfused),
        pixel_r=_average(one.pixel_r["model"] for one in perfused),
        colour_pixel_r=_average(one.pixel_r["colour"] for one in perfused),
        region_r=region_r(perfused, "model"),
        colour_region_r=region_r(perfused, "colour"),
        ratio_r=correlation([one.ratio for one in perfused], [one.found_ratio for one in perfused]),
        dice_keloid=_dice(tested, "found", "both"),
        baseline_dice_keloid=_dice(tested, "red", "red_both"),
        found=_average(one.found > 0 for one in tested if one.true),
        false_alarms=_average(one.found > 0 for one in cases if one.asked_bare),
        lsci_r=_average(lsci),
        photos=float(len(tested)),
    )


def perfused_in(compared: Rivals, one: KeloidPhantom) -> Perfused:
    """Return what each arm makes of the perfusion in the true keloid of ``one``."""
    made, colour = compared.model.predict_photo(one.photo), compared.colour
    maps = {
        "model": made.perfusion,
        "twin": compared.twin.predict_photo(one.photo).perfusion,
        "colour": colour.perfusion(one.photo),
        "constant": np.full_like(one.perfusion, colour.mean),
        "oracle": one.knowable,
    }
    return Perfused(
        mean=mean_in(one.perfusion, one),
        means={arm: mean_in(maps[arm], one) for arm in ARMS},
        errors={arm: error_in(maps[arm], one) for arm in ARMS},
        pixel_r={arm: correlation_in(maps[arm], one) for arm in ARMS if arm != "constant"},
        ratio=region_of(one.perfusion, one.keloid).ratio,
        found_ratio=region_of(made.perfusion, one.keloid).ratio,
    )


def region_r(perfused: Sequence[Perfused], arm: str) -> float:
    """Return r of the mean in the keloid, over photos."""
    return correlation([one.mean for one in perfused], [one.means[arm] for one in perfused])


def error_in(perfusion: Any, one: KeloidPhantom) -> float:
    """Return the mean absolute error in the true keloid."""
    return float(np.abs(perfusion - one.perfusion)[one.keloid].mean())


def correlation_in(perfusion: Any, one: KeloidPhantom) -> float:
    """Return Pearson's r of the logarithms in the true keloid."""
    return correlation(np.log(perfusion[one.keloid]), np.log(one.perfusion[one.keloid]))


def mean_in(perfusion: Any, one: KeloidPhantom) -> float:
    """Return the mean in the true keloid."""
    return float(perfusion[one.keloid].mean())


def _case(
    compared: Rivals,
    cut: float,
    one: KeloidPhantom,
    *,
    lsci_seed: int | None = None,
    asked_bare: bool = False,
) -> Case:
    found, red = compared.model.predict_photo(one.photo).keloid, red_mask(one.photo, cut)
    return Case(
        perfused=perfused_in(compared, one) if one.keloid.any() else None,
        asked_bare=asked_bare,
        true=int(one.keloid.sum()),
        found=int(found.sum()),
        both=int((found & one.keloid).sum()),
        red=int(red.sum()),
        red_both=int((red & one.keloid).sum()),
        pixels=one.keloid.size,
        lsci_r=np.nan if lsci_seed is None else _lsci_r(lsci_seed, one),
    )


def _dice(cases: Sequence[Case], found: str, both: str) -> float:
    total = sum(getattr(one, found) + one.true for one in cases)
    return 2 * sum(getattr(one, both) for one in cases) / total if total else 1.0


def _lsci_r(seed: int, one: KeloidPhantom) -> float:
    index = flow(raw_frames(seed, one.perfusion)).index
    return float(np.corrcoef(np.log(index).ravel(), np.log(one.perfusion).ravel())[0, 1])


def _average(values: Any) -> float:
    listed = list(values)
    return float(np.mean(listed)) if listed else 0.0
