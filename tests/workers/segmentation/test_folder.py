from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.errors import ConfigurationError
from workers.learning.folder import Folder, is_held_out
from workers.segmentation.bank import draw_bank, read_bank
from workers.segmentation.folder import SEGMENTS, read_photo
from workers.segmentation.spec import KELOID, LESION


def folder_with(root: Path, *, patients: int, segment: str = "") -> Folder:
    """Write a photo of each patient, twice, with a mask of the left half."""
    images, masks = root / "images", root / "masks" / segment
    images.mkdir(parents=True)
    masks.mkdir(parents=True)
    rows = ["image,patient"]
    for number in range(patients):
        for view in "ab":
            name = f"{number}{view}"
            mask = np.zeros((40, 60), np.uint8)
            mask[:, :30] = 255
            cv2.imwrite(str(images / f"{name}.jpg"), np.full((40, 60, 3), number, np.uint8))
            cv2.imwrite(str(masks / f"{name}.png"), mask)
            rows.append(f"{name},patient {number}")
    (root / "cases.csv").write_text("\n".join(rows), encoding="utf-8")
    return Folder(
        images=images,
        masks=root / "masks",
        groups=root / "cases.csv",
        segments=SEGMENTS,
        alone=LESION,
    )


def test_masks_without_a_folder_of_their_own_are_of_lesions(tmp_path: Path) -> None:
    one = read_photo(folder_with(tmp_path, patients=1).cases()[0])

    assert one.known == 1 << (LESION - 1)
    assert np.array_equal(one.bits > 0, np.arange(60) < np.full((40, 1), 30))


def test_a_folder_named_by_a_segment_holds_masks_of_that_segment(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, patients=1, segment=str(KELOID))

    assert read_photo(folder.cases()[0]).known == 1 << (KELOID - 1)


def test_no_patient_is_both_learned_from_and_held_out(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, patients=30)
    cases = folder.cases()
    kept = [one for one in cases if not is_held_out(one.patient)]

    assert 0 < len(kept) < len(cases)
    assert len(kept) % 2 == 0
    assert len(read_bank(folder).images) == len(kept)


def test_a_photo_without_a_mask_is_no_case(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, patients=1)
    for path in (tmp_path / "masks").iterdir():
        path.unlink()

    assert folder.cases() == []
    with pytest.raises(ConfigurationError, match="no photo"):
        read_bank(folder)


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, patients=1)
    cv2.imwrite(str(tmp_path / "masks" / "0a.png"), np.zeros((10, 10), np.uint8))

    with pytest.raises(ConfigurationError, match="size"):
        read_photo(folder.cases()[0])


def test_all_is_known_of_phantoms() -> None:
    bank = draw_bank(range(2))
    images, truth, known = bank.pick(np.random.default_rng(0), 5)

    assert images.shape[:3] == truth.shape == (5, 256, 256)
    assert known.tolist() == [7] * 5
