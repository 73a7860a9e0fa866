from pathlib import Path

import numpy as np

from shared.dicom import codes
from workers.findings import (
    Assessment,
    Findings,
    Measurement,
    ParametricMap,
    load_findings,
    save_findings,
)


def test_findings_come_back_as_they_were_saved(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mask = rng.random((2, 7, 5)) > 0.5
    values = rng.random((1, 7, 5)).astype(np.float32)
    found = Findings(
        sop_instance_uid="1.2.3",
        derived_from=("1.2.4",),
        masks={1: mask, 3: ~mask},
        maps=(
            ParametricMap(
                name="entropy",
                quantity=codes.PREDICTIVE_ENTROPY,
                unit=codes.RATIO,
                values=values,
                display_range=(0.0, 1.0),
                method=codes.SPECKLE_FRAMES,
            ),
        ),
        measurements=(
            Measurement(
                quantity=codes.AREA,
                value=1.5,
                unit=codes.PIXELS,
                segment_number=3,
                derivation=codes.MEAN,
                method=codes.PREDICTED_FROM_PHOTO,
            ),
        ),
        assessments=(
            Assessment(question=codes.CALIBRATION, answer=codes.NOT_CALIBRATED, note="why"),
        ),
    )
    declined = Findings(sop_instance_uid="1.2.5", eligible=False, reason="too dark")

    save_findings((found, declined), tmp_path)
    first, second = load_findings(tmp_path)

    assert np.array_equal(first.masks[1], mask)
    assert np.array_equal(first.masks[3], ~mask)
    assert np.array_equal(first.maps[0].values, values)
    assert first.maps[0].quantity == codes.PREDICTIVE_ENTROPY
    assert first.maps[0].method == codes.SPECKLE_FRAMES
    assert first.measurements == found.measurements
    assert first.assessments == found.assessments
    assert first.derived_from == ("1.2.4",)
    assert (second.eligible, second.reason) == (False, "too dark")
