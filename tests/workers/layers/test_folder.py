import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from shared.errors import ConfigurationError
from workers.catalog import model_folder
from workers.layers.bank import BATCH, CROP, bank, batch, real_bank
from workers.layers.folder import SEGMENTS, complete, read_section
from workers.layers.model import load
from workers.layers.phantom import section
from workers.layers.real import real_table
from workers.learning.folder import Folder

MICROMETRES = 2.0


def folder_with(root: Path, *, patients: int, row_um: str = f"{MICROMETRES:g}") -> Folder:
    """Write a simulated section of each patient, with its true layers as people would draw them."""
    rows = [("image", "patient", "row_um", "column_um")]
    for number in range(patients):
        one = section(900_000 + number, rows=250, columns=300, micrometres_per_pixel=MICROMETRES)
        _write(root / "images" / f"{number}.png", one.pixels)
        for layer in SEGMENTS:
            mask = np.where(one.labels == layer, 255, 0).astype(np.uint8)
            _write(root / "masks" / str(layer) / f"{number}.png", mask)
        rows.append((str(number), f"patient {number}", row_um, row_um))
    with (root / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return Folder(
        images=root / "images",
        masks=root / "masks",
        groups=root / "cases.csv",
        segments=SEGMENTS,
        alone=SEGMENTS[-1],
    )


def _write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)


def test_a_drawn_section_is_learned_from_at_one_micrometre_a_pixel(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, patients=8)
    drawn = read_section(folder.cases()[0])
    learned = real_bank(folder)

    assert 0 < len(learned) < 8, "one patient in five is held out"
    assert learned[0].labels.shape == tuple(MICROMETRES * side for side in drawn.labels.shape)
    assert set(np.unique(learned[0].labels)) == {0, 1, 2, 3}


def test_half_of_each_batch_is_real(tmp_path: Path) -> None:
    real = [
        replace(one, labels=one.labels * 0 + 3)
        for one in real_bank(folder_with(tmp_path, patients=3))
    ]
    phantoms = [replace(one, labels=one.labels * 0) for one in bank(range(1))]

    pixels, labels = batch(phantoms, real, np.random.default_rng(0))

    assert pixels.shape == (BATCH, 1, CROP, CROP)
    assert labels.flatten(1).float().mean(dim=1).tolist() == [0, 0, 3, 3]


def test_a_section_with_a_layer_that_nobody_drew_teaches_nothing(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, patients=2)
    (tmp_path / "masks" / "2" / "0.png").unlink()

    assert [one.image.stem for one in complete(folder)] == ["1"]
    (tmp_path / "masks" / "2" / "1.png").unlink()
    with pytest.raises(ConfigurationError, match="each of the three layers"):
        complete(folder)


def test_a_section_without_a_pixel_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="row_um"):
        read_section(folder_with(tmp_path, patients=1, row_um="").cases()[0])


def test_drawn_sections_are_judged_in_a_table_of_their_own(tmp_path: Path) -> None:
    model = load(model_folder("layers") / "weights", torch.device("cpu"))

    table = real_table(model, folder_with(tmp_path, patients=3))

    first = table.lines[0]
    assert "3 real sections" in table.note
    assert first.baseline is not None
    assert first.value > first.baseline
