"""Figures: what the tables of the layers say of a number of sections."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from workers.layers.evaluate import Case, metrics_of
from workers.learning.agreement import bland_altman
from workers.learning.bootstrap import correlation
from workers.learning.results import Row

DICE_ROWS = (
    Row(
        figure="dice",
        label="Dice, mean of the layers",
        baseline="dice_baseline",
        ceiling="dice_ceiling",
        published=0.95,
        headline=True,
    ),
    Row(
        figure="dice_corneum",
        label="Dice, stratum corneum",
        baseline="baseline_corneum",
        ceiling="ceiling_corneum",
    ),
    Row(
        figure="dice_epidermis",
        label="Dice, viable epidermis",
        baseline="baseline_epidermis",
        ceiling="ceiling_epidermis",
    ),
    Row(
        figure="dice_dermis",
        label="Dice, dermis",
        baseline="baseline_dermis",
        ceiling="ceiling_dermis",
    ),
)


def figures(cases: Sequence[Case]) -> dict[str, float]:
    """Return every figure of the tables over ``cases``."""
    found = asdict(metrics_of(cases))
    for name, values in (("baseline", "baseline"), ("ceiling", "ceiling")):
        means = np.mean([getattr(one, values) for one in cases], axis=0)
        found[f"dice_{name}"] = float(means.mean())
        for layer, mean in zip(("corneum", "epidermis", "dermis"), means, strict=True):
            found[f"{name}_{layer}"] = float(mean)
    both, ours, true, chance = np.sum([one.protrusions for one in cases], axis=0)
    for name, hit in (("protrusion", both), ("baseline_protrusion", chance)):
        found[f"{name}_precision"] = hit / ours if ours else np.nan
        found[f"{name}_recall"] = hit / true if true else np.nan
    for index, name in enumerate(("corneum", "epidermis", "undulation")):
        pairs = np.array([(one.measures[index], one.true[index]) for one in cases])
        pairs = pairs[np.isfinite(pairs).all(axis=1)]
        found[f"{name}_r"] = correlation(pairs[:, 0], pairs[:, 1])
        found[f"{name}_bias"], found[f"{name}_limits"] = bland_altman(pairs[:, 0], pairs[:, 1])
    return found
