"""Real sections: the layers that the network finds against those that people drew."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workers.layers.boundaries import Boundaries, layer_masks
from workers.layers.evaluate import flat_layers
from workers.layers.folder import complete, read_section
from workers.layers.model import Layers
from workers.learning.agreement import dice
from workers.learning.folder import Folder, FolderCase, by_patient, is_held_out
from workers.learning.results import Row, Table, tabulate

LAYERS = ("corneum", "epidermis", "dermis")

_NOTE = (
    "{count} real sections on which people drew all three layers; intervals are over patients. "
    "Baseline: flat layers of usual thickness under the steepest rise of brightness."
)
_ROWS = (
    Row(figure="dice", label="Dice, mean of the layers", baseline="baseline_dice", published=0.95),
    *(
        Row(figure=f"dice_{name}", label=f"Dice, {name}", baseline=f"baseline_{name}")
        for name in LAYERS
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RealCase:
    """Dice of corneum, epidermis and dermis on one section: ours and the baseline's."""

    ours: tuple[float, ...]
    baseline: tuple[float, ...]


def real_table(model: Layers, folder: Folder, *, held_out: bool = False) -> Table:
    """Return the table of the sections in ``folder``; with ``held_out``, of patients left out.

    Raises
    ------
    ConfigurationError
        No section has a mask of each layer.
    """
    chosen = [one for one in complete(folder) if not held_out or is_held_out(one.patient)]
    patients = by_patient((one.patient, _case(model, one)) for one in chosen)
    note = _NOTE.format(count=len(chosen))
    return tabulate("Real sections", note, _ROWS, patients, figures)


def figures(patients: Sequence[Sequence[RealCase]]) -> dict[str, float]:
    """Return the figures over all sections of ``patients``."""
    cases = [one for patient in patients for one in patient]
    ours = np.mean([one.ours for one in cases], axis=0)
    flat = np.mean([one.baseline for one in cases], axis=0)
    found = {"dice": float(ours.mean()), "baseline_dice": float(flat.mean())}
    for name, our, other in zip(LAYERS, ours, flat, strict=True):
        found |= {f"dice_{name}": float(our), f"baseline_{name}": float(other)}
    return found


def _case(model: Layers, case: FolderCase) -> RealCase:
    one = read_section(case)
    return RealCase(
        ours=_dices(model.read_frame(one.pixels, one.spacing).boundaries, one.labels),
        baseline=_dices(flat_layers(one.pixels), one.labels),
    )


def _dices(found: Boundaries, labels: npt.NDArray[np.uint8]) -> tuple[float, ...]:
    return tuple(dice(mask, labels == number) for number, mask in layer_masks(found).items())
