from dataclasses import replace

import numpy as np
import pytest
import torch

from workers.catalog import model_folder
from workers.contract import PixelSpacing
from workers.layers.boundaries import Boundaries
from workers.layers.evaluate import read, true_positives
from workers.layers.figures import figures
from workers.layers.model import load
from workers.layers.postprocess import measure_frame


@pytest.mark.parametrize(
    ("found", "true", "expected"),
    [
        ([], [1.0], 0),
        ([1.0], [], 0),
        ([100.0, 300.0], [110.0, 280.0], 2),
        ([100.0, 105.0], [110.0], 1),
        ([100.0], [121.0], 0),
        ([0.0, 15.0], [15.0, 30.0], 2),
    ],
)
def test_each_true_protrusion_is_found_once_at_most(
    found: list[float], true: list[float], expected: int
) -> None:
    assert true_positives(found, true, within=20.0) == expected


@pytest.mark.parametrize("unseen", [0, 40])
def test_a_protrusion_lies_in_the_frame_wherever_its_columns_start_to_show_it(unseen: int) -> None:
    across = np.arange(600.0)
    bud = 60 * np.exp(-(((across - 300) / 25) ** 2))  # 2 um a pixel: 600 um from the left
    found = Boundaries(
        rows=400,
        surface=np.where(across < unseen, 0.0, 50.0),
        corneum_bottom=np.full(600, 60.0),
        junction=100 + bud,
    )
    spacing = PixelSpacing(row_mm=0.002, column_mm=0.002, source="calibrated")

    measured = measure_frame(found, np.zeros((400, 600), np.float32), spacing)

    assert measured is not None
    assert [one.column for one in measured.protrusions] == [pytest.approx(600, abs=2)]


def test_precision_is_of_what_was_found_and_recall_of_what_is_there() -> None:
    cases = read(load(model_folder("layers") / "weights", torch.device("cpu")), range(3))
    seen = figures([replace(one, protrusions=(2, 3, 4, 1)) for one in cases])

    assert seen["protrusion_precision"] == pytest.approx(2 / 3)
    assert seen["protrusion_recall"] == pytest.approx(2 / 4)
    assert seen["baseline_protrusion_recall"] == pytest.approx(1 / 4)
    assert all(one.protrusions[0] <= min(one.protrusions[1:3]) for one in cases)
