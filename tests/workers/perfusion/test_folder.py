from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from shared.errors import ConfigurationError
from workers.catalog import model_folder
from workers.learning.folder import Folder
from workers.perfusion.baselines import fit_colour
from workers.perfusion.folder import MeasuredFolder
from workers.perfusion.model import load
from workers.perfusion.phantom import keloid
from workers.perfusion.preprocess import INPUT_SIZE
from workers.perfusion.real import real_table
from workers.perfusion.spec import KELOID
from workers.perfusion.train import _BATCH, _batch, draw_bank, real_bank


def folder_with(root: Path, *, patients: int) -> MeasuredFolder:
    """Write a simulated photo of each patient, its keloid and, in perfusion units, its map."""
    for name in ("images", "masks", "maps"):
        (root / name).mkdir()
    lines = ["image,patient"]
    for number in range(patients):
        one = keloid(2_000_000 + number, with_keloid=True)
        cv2.imwrite(str(root / "images" / f"{number}.png"), one.photo[..., ::-1])
        cv2.imwrite(str(root / "masks" / f"{number}.png"), one.keloid * np.uint8(255))
        cv2.imwrite(str(root / "maps" / f"{number}.tiff"), one.perfusion.astype(np.float32))
        lines.append(f"{number}.png,patient {number}")
    (root / "cases.csv").write_text("\n".join(lines))
    drawn = Folder(
        images=root / "images",
        masks=root / "masks",
        groups=root / "cases.csv",
        segments=(KELOID,),
        alone=KELOID,
    )
    return MeasuredFolder(drawn=drawn, maps=root / "maps")


def test_a_map_comes_back_as_it_was_measured(tmp_path: Path) -> None:
    (one,) = folder_with(tmp_path, patients=1).photos()
    made = keloid(2_000_000, with_keloid=True)
    np.testing.assert_allclose(one.perfusion, made.perfusion, rtol=1e-5)
    np.testing.assert_array_equal(one.photo, made.photo)
    np.testing.assert_array_equal(one.keloid, made.keloid)


def test_training_leaves_out_the_patients_that_the_evaluation_reads(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, patients=8)
    learned = {one.patient for one in folder.photos(held_out=False)}
    kept = {one.patient for one in folder.photos(held_out=True)}
    assert learned
    assert kept
    assert not learned & kept
    bank = real_bank(folder)
    assert bank.photos.shape == (len(learned), INPUT_SIZE, INPUT_SIZE, 3)


def test_half_of_each_batch_is_measured(tmp_path: Path) -> None:
    phantoms = draw_bank(range(1))
    phantoms = replace(phantoms, perfusion=np.full_like(phantoms.perfusion, 128))
    measured = real_bank(folder_with(tmp_path, patients=3))
    measured = replace(measured, perfusion=np.full_like(measured.perfusion, 188))
    photos, levels, keloids = _batch(phantoms, measured, np.random.default_rng(0))
    assert len(photos) == len(levels) == len(keloids) == _BATCH
    expected = [0.0] * (_BATCH // 2) + [1.0] * (_BATCH // 2)
    np.testing.assert_allclose(levels.mean(dim=(1, 2, 3)), expected, atol=1e-5)


@pytest.mark.parametrize("what", ["8 bits", "another size", "nothing measured", "no picture"])
def test_a_map_that_is_none_is_refused(tmp_path: Path, what: str) -> None:
    folder = folder_with(tmp_path, patients=1)
    path = tmp_path / "maps" / "0.tiff"
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert values is not None
    if what == "no picture":
        path.write_bytes(b"no picture")
    else:
        changed = {
            "8 bits": values.clip(0, 255).astype(np.uint8),
            "another size": values[:-1],
            "nothing measured": values * 0,
        }[what]
        cv2.imwrite(str(path), changed)
    with pytest.raises(ConfigurationError, match="perfusion map"):
        list(folder.photos())


def test_measured_photos_are_judged_in_a_table_of_their_own(tmp_path: Path) -> None:
    model = load(model_folder("perfusion") / "weights", torch.device("cpu"))
    folder = folder_with(tmp_path, patients=5)
    table = real_table(model, fit_colour(range(4)), folder)
    assert "5 real photos" in table.note
    shown = {line.label: line.value for line in table.lines}
    assert shown["keloid, Dice, mean over photos"] > 0.7
    assert shown["log perfusion, r in the keloid, mean over photos"] > 0.5
    (tmp_path / "maps" / "0.tiff").unlink()
    assert "4 real photos" in real_table(model, fit_colour(range(4)), folder).note


def test_a_folder_without_maps_teaches_nothing(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, patients=1)
    (tmp_path / "maps" / "0.tiff").unlink()
    with pytest.raises(ConfigurationError, match="map"):
        real_bank(folder)
    model = load(model_folder("perfusion") / "weights", torch.device("cpu"))
    with pytest.raises(ConfigurationError, match="map"):
        real_table(model, fit_colour(range(4)), folder)
