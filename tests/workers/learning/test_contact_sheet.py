from pathlib import Path

import cv2
import numpy as np

from workers.learning.contact_sheet import write_sheet


def test_phantoms_stand_beside_their_truth_three_pairs_a_row(tmp_path: Path) -> None:
    red = np.zeros((50, 100, 3), np.uint8)
    red[..., 0] = 255
    pairs = [(red, np.full((50, 100), 128, np.uint8))] * 4

    write_sheet(tmp_path / "new" / "sheet.jpg", pairs)

    seen = cv2.imread(str(tmp_path / "new" / "sheet.jpg"))
    assert seen is not None
    rows, columns = seen.shape[:2]
    left, right = seen[rows // 4, columns // 12], seen[rows // 4, columns // 4]
    assert left[2] > 200 > 60 > left[0]
    assert abs(int(right[0]) - 128) < 10
    assert seen[-rows // 4, -columns // 12].min() > 240
