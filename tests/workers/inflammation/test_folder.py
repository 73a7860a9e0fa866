import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from shared.errors import ConfigurationError
from workers.catalog import model_folder
from workers.inflammation import train
from workers.inflammation.folder import GradedFolder, tiles
from workers.inflammation.model import WEIGHTS_FILE, load
from workers.inflammation.network import TextureNet
from workers.inflammation.phantom import field
from workers.inflammation.postprocess import grade_of
from workers.inflammation.real import real_table
from workers.inflammation.train import BATCH, SIDE, bank, batch, real_bank
from workers.learning.weights import load_weights

MICROMETRES = 0.5
ROWS, COLUMNS = 320, 700


def folder_with(root: Path, *, patients: int, **changes: str) -> GradedFolder:
    """Write a simulated field of each patient, graded 0 to 4 in turn, as an expert would."""
    lines = []
    (root / "images").mkdir()
    for number in range(patients):
        one = field(900_000 + number, rows=ROWS, columns=COLUMNS, score=float(number % 5))
        cv2.imwrite(str(root / "images" / f"{number}.png"), one.pixels)
        line = {"image": f"{number}.png", "patient": f"patient {number}", "grade": f"{number % 5}"}
        lines.append(line | {"row_um": f"{MICROMETRES}", "column_um": f"{MICROMETRES}"} | changes)
    with (root / "grades.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, lines[0])
        table.writeheader()
        table.writerows(lines)
    return GradedFolder(images=root / "images", grades=root / "grades.csv")


def test_a_graded_field_is_cut_into_squares_at_the_networks_scale(tmp_path: Path) -> None:
    (one,) = folder_with(tmp_path, patients=1).fields()
    found = tiles(one, SIDE)
    assert [two.shape for two in found] == [(SIDE, SIDE)] * 6  # 267 x 583 pixels of 0.6 um
    assert not np.array_equal(found[0], found[1])
    assert tiles(replace(one, pixels=one.pixels[:300]), SIDE) == []


def test_training_leaves_out_the_patients_that_the_evaluation_reads(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, patients=8)
    learned = {one.patient for one in folder.fields(held_out=False)}
    kept = {one.patient for one in folder.fields(held_out=True)}
    assert learned
    assert kept
    assert not learned & kept
    assert len(learned | kept) == len(list(folder.fields())) == 8
    assert len(real_bank(folder)) == 6 * len(learned)


def test_half_of_each_batch_is_real_and_has_the_experts_grade(tmp_path: Path) -> None:
    real = [replace(one, scores=one.scores * 0 + 3) for one in bank(range(2))]
    phantoms = [replace(one, scores=one.scores * 0) for one in bank(range(1))]
    pixels, scores = batch(phantoms, real, np.random.default_rng(0))
    assert pixels.shape == (BATCH, 1, SIDE, SIDE)
    assert scores.mean(dim=(1, 2)).tolist() == [0.0] * (BATCH // 2) + [3.0] * (BATCH // 2)
    graded = real_bank(folder_with(tmp_path, patients=4))
    assert {float(one.scores.mean()) for one in graded} <= {0.0, 1.0, 2.0, 3.0}
    assert all(one.scores.std() == 0 for one in graded)


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"grade": "7"}, "0 to 4"), ({"grade": "mild"}, "number"), ({"row_um": ""}, "row_um")],
)
def test_a_table_that_makes_no_sense_is_refused(
    tmp_path: Path, changes: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        list(folder_with(tmp_path, patients=1, **changes).fields())


def test_a_folder_without_grades_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, patients=2, grade="")
    with pytest.raises(ConfigurationError, match="learn from"):
        real_bank(folder)
    with pytest.raises(ConfigurationError, match="grade"):
        real_table(load(model_folder("inflammation") / "weights", torch.device("cpu")), folder)


def test_graded_fields_are_judged_in_a_table_of_their_own(tmp_path: Path) -> None:
    model = load(model_folder("inflammation") / "weights", torch.device("cpu"))
    folder = folder_with(tmp_path, patients=5)
    table = real_table(model, folder)
    right = [
        grade_of(model.read_frame(one.pixels, one.spacing).whole) == one.grade
        for one in folder.fields()
    ]
    assert "5 real fields" in table.note
    assert table.lines[0].value == pytest.approx(np.mean(right))
    assert table.lines[0].baseline == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"patient": ""}, "whose"),
        ({"row_um": "500", "column_um": "500"}, "not plausible"),
        ({"row_um": "nan"}, "row_um"),
        ({"row_um": "-0.5"}, "row_um"),
    ],
)
def test_a_field_that_would_not_be_read_is_not_learnt_from(
    tmp_path: Path, changes: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        list(folder_with(tmp_path, patients=1, **changes).fields())


@pytest.mark.parametrize("what", ["blank", "colour", "no number"])
def test_a_picture_that_would_not_be_read_is_not_learnt_from(tmp_path: Path, what: str) -> None:
    folder = folder_with(tmp_path, patients=1)
    (tmp_path / "images" / "0.png").unlink()
    pixels = {
        "blank": np.zeros((ROWS, COLUMNS), np.uint8),
        "colour": np.random.default_rng(0).integers(0, 255, (ROWS, COLUMNS, 3), np.uint8),
        "no number": np.full((ROWS, COLUMNS), np.nan, np.float32),
    }[what]
    cv2.imwrite(str(tmp_path / "images" / "0.tiff"), pixels)
    with pytest.raises(ConfigurationError, match="confocal field"):
        list(folder.fields())


def test_a_hot_pixel_and_an_empty_tile_do_no_harm(tmp_path: Path) -> None:
    (one,) = folder_with(tmp_path, patients=1).fields()
    twelve_bits = one.pixels.astype(np.uint16) * 16
    twelve_bits[0, 0] = 65535
    hot = tiles(replace(one, pixels=twelve_bits), SIDE)
    assert len(np.unique(hot[0])) > 200
    half = one.pixels.copy()
    half[:, 350:] = 0
    assert 0 < len(tiles(replace(one, pixels=half), SIDE)) < len(hot)


def test_the_line_of_both_scores_is_fitted_on_what_the_network_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(train, "CALIBRATION_SUBJECTS", range(500_000, 500_006))
    network = TextureNet()
    network.load_state_dict(load_weights(model_folder("inflammation") / "weights", WEIGHTS_FILE))
    network.eval()
    train._straighten(network, torch.device("cpu"))
    once = network.line.clone()
    train._straighten(network, torch.device("cpu"))
    torch.testing.assert_close(network.line, once)
