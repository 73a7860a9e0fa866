import numpy as np
import pytest
import torch

from workers.catalog import model_folder
from workers.layers.evaluate import read, true_positives
from workers.layers.figures import figures
from workers.layers.model import load


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


def test_precision_is_of_what_was_found_and_recall_of_what_is_there() -> None:
    cases = read(load(model_folder("layers") / "weights", torch.device("cpu")), range(3))
    seen = figures(cases)

    both, found, true = np.sum([one.protrusions for one in cases], axis=0)
    assert 0 <= both <= min(found, true)
    assert seen["protrusion_precision"] == pytest.approx(both / found)
    assert seen["protrusion_recall"] == pytest.approx(both / true)
