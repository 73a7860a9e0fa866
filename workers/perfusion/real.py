"""Real photos: predicted perfusion and keloids against what was measured and drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.errors import ConfigurationError
from workers.learning.agreement import dice
from workers.learning.bootstrap import correlation
from workers.learning.folder import by_patient
from workers.learning.results import Row, Table, tabulate
from workers.perfusion.baselines import ColourRegression
from workers.perfusion.folder import MeasuredFolder, MeasuredPhoto
from workers.perfusion.model import Perfusion

_NOTE = (
    "{count} real photos whose keloids people drew and whose perfusion was measured; intervals are "
    "over patients. Regions are the drawn keloids. Baseline: regression on colour, fitted on "
    "phantoms. Errors mean something only where the device's units are the training's."
)
_ROWS = (
    Row(
        figure="region_r",
        label="perfusion, r of the mean in the keloid",
        baseline="colour_region_r",
        published=0.75,
    ),
    Row(
        figure="pixel_r",
        label="log perfusion, r in the keloid, mean over photos",
        baseline="colour_pixel_r",
    ),
    Row(
        figure="mae",
        label="perfusion, mean absolute error in the keloid",
        baseline="colour_mae",
        small=True,
    ),
    Row(figure="dice", label="keloid, Dice, mean over photos"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RealCase:
    """One photo: mean perfusion in its keloid, and of model and colour: mean, r, error; Dice."""

    mean: float
    means: list[float]
    pixel_r: list[float]
    errors: list[float]
    dice: float


def real_table(
    model: Perfusion, colour: ColourRegression, folder: MeasuredFolder, *, held_out: bool = False
) -> Table:
    """Return the table of the photos in a folder; with ``held_out``, of patients left out.

    Raises
    ------
    ConfigurationError
        No photo has both a drawn keloid and a map.
    """
    patients = by_patient(
        (one.patient, _case(model, colour, one))
        for one in folder.photos(held_out=True if held_out else None)
        if one.keloid.any()
    )
    if not patients:
        whose = " of a patient who is held out" if held_out else ""
        raise ConfigurationError(f"no photo{whose} in the folder has both a keloid and a map")
    note = _NOTE.format(count=sum(map(len, patients)))
    return tabulate("Real photos", note, _ROWS, patients, figures)


def figures(patients: Sequence[Sequence[RealCase]]) -> dict[str, float]:
    """Return the figures over all photos of ``patients``."""
    cases = [one for patient in patients for one in patient]
    found = {"dice": float(np.mean([one.dice for one in cases]))}
    for arm, name in enumerate(("", "colour_")):
        of_arm = [one.means[arm] for one in cases]
        found |= {
            f"{name}region_r": correlation([one.mean for one in cases], of_arm),
            # NaN where a keloid is a few pixels, or of one value.
            f"{name}pixel_r": float(np.nanmean([one.pixel_r[arm] for one in cases])),
            f"{name}mae": float(np.mean([one.errors[arm] for one in cases])),
        }
    return found


def _case(model: Perfusion, colour: ColourRegression, one: MeasuredPhoto) -> RealCase:
    made, within = model.predict_photo(one.photo), one.keloid
    true = one.perfusion[within]
    arms = [np.asarray(each)[within] for each in (made.perfusion, colour.perfusion(one.photo))]
    return RealCase(
        mean=float(true.mean()),
        means=[float(each.mean()) for each in arms],
        pixel_r=[correlation(np.log(each), np.log(true)) for each in arms],
        errors=[float(np.abs(each - true).mean()) for each in arms],
        dice=dice(made.keloid, within),
    )
