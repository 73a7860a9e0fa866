from typing import Any

import numpy as np
import pytest

from shared.dicom import codes
from workers.contract import Image, PixelSpacing
from workers.findings import Findings
from workers.segmentation.crop import best_crop
from workers.segmentation.postprocess import Masks, findings_of, keloids_in, masks_from
from workers.segmentation.spec import KELOID, LESION, SKIN


def _image(spacing: PixelSpacing | None = None) -> Image:
    return Image(
        sop_instance_uid="1.2.3",
        sop_class_uid="1.2",
        series_instance_uid="1.2.4",
        pixels=np.zeros((1, 100, 200, 3), np.uint8),
        spacing=spacing,
    )


def _masks() -> Masks:
    skin, lesion, keloid = (np.zeros((100, 200), np.bool_) for _ in range(3))
    skin[:, :100], lesion[20:60, 20:70], keloid[20:60, 20:45] = True, True, True
    return Masks(skin=skin, lesion=lesion, keloid=keloid)


def _value(findings: Findings, quantity: Any, segment: int) -> tuple[float, Any]:
    return next(
        (one.value, one.unit)
        for one in findings.measurements
        if one.quantity == quantity and one.segment_number == segment
    )


def _answers(findings: Findings) -> dict[str, Any]:
    return {one.question.value: one.answer for one in findings.assessments}


def test_without_spacing_areas_are_in_pixels_and_the_report_says_so() -> None:
    findings = findings_of(_image(), _masks(), None, None)

    assert _value(findings, codes.AREA, LESION) == (2000.0, codes.PIXELS)
    assert _value(findings, codes.AREA, KELOID) == (1000.0, codes.PIXELS)
    assert all(one.unit != codes.SQUARE_MILLIMETRE for one in findings.measurements)
    assert _answers(findings)[codes.CALIBRATION.value] == codes.NOT_CALIBRATED


def test_with_spacing_areas_are_in_square_millimetres() -> None:
    spacing = PixelSpacing(row_mm=0.5, column_mm=0.2, source="calibrated")

    findings = findings_of(_image(spacing), _masks(), None, None)

    value, unit = _value(findings, codes.AREA, LESION)
    assert value == pytest.approx(200.0)
    assert unit == codes.SQUARE_MILLIMETRE
    assert _answers(findings)[codes.CALIBRATION.value] == codes.CALIBRATED


def test_a_nominal_spacing_gives_no_square_millimetres() -> None:
    spacing = PixelSpacing(row_mm=0.5, column_mm=0.2, source="nominal")

    findings = findings_of(_image(spacing), _masks(), None, None)

    assert _value(findings, codes.AREA, LESION) == (2000.0, codes.PIXELS)
    assert _answers(findings)[codes.CALIBRATION.value] == codes.NOT_CALIBRATED
    assert "Nominal spacing only" in findings.assessments[0].note


def test_a_crop_that_is_not_classified_says_why() -> None:
    masks = _masks()
    crop = best_crop(masks.skin, masks.lesion)

    unclassified = findings_of(_image(), masks, crop, None)
    classified = findings_of(_image(), masks, crop, 0.2)

    assert "no class: keloid" in unclassified.assessments[1].note
    assert "no class" not in classified.assessments[1].note
    assert codes.DISEASE_CLASS.value not in _answers(unclassified)


def test_fractions_are_of_the_image_for_skin_and_of_the_skin_for_lesions() -> None:
    findings = findings_of(_image(), _masks(), None, None)

    assert _value(findings, codes.AREA_FRACTION, SKIN)[0] == pytest.approx(50.0)
    assert _value(findings, codes.SKIN_FRACTION, LESION)[0] == pytest.approx(20.0)
    assert _value(findings, codes.SKIN_FRACTION, KELOID)[0] == pytest.approx(10.0)


def test_no_quantity_means_one_thing_of_the_skin_and_another_of_a_lesion() -> None:
    masks = _masks()
    marked = {SKIN: masks.skin, LESION: masks.lesion, KELOID: masks.keloid}

    for one in findings_of(_image(), masks, None, None).measurements:
        if one.segment_number is not None and one.quantity == codes.AREA_FRACTION:
            assert one.value == pytest.approx(100 * marked[one.segment_number].mean())
        if one.segment_number is not None and one.quantity == codes.SKIN_FRACTION:
            part = marked[one.segment_number].sum()
            assert one.value == pytest.approx(100 * part / masks.skin.sum())


def test_without_skin_nothing_has_a_share_of_it() -> None:
    none = np.zeros((100, 200), np.bool_)

    findings = findings_of(_image(), Masks(skin=none, lesion=none, keloid=none), None, None)

    assert _value(findings, codes.AREA_FRACTION, SKIN)[0] == 0
    assert codes.SKIN_FRACTION not in [one.quantity for one in findings.measurements]


def test_lesions_that_lie_apart_are_counted() -> None:
    masks = _masks()
    masks.lesion[80:90, 10:20] = masks.lesion[90:95, 20:25] = True  # two that touch at a corner

    findings = findings_of(_image(), masks, None, None)

    assert _value(findings, codes.PART_COUNT, LESION) == (2.0, codes.COUNT)
    assert _value(findings, codes.PART_COUNT, KELOID) == (1.0, codes.COUNT)
    assert _value(findings, codes.AREA, LESION)[0] == masks.lesion.sum()


def test_no_crop_gives_no_class() -> None:
    findings = findings_of(_image(), _masks(), None, None)

    assert _answers(findings)[codes.CROP_RULE.value] == codes.CROP_NOT_MET
    assert codes.DISEASE_CLASS.value not in _answers(findings)


@pytest.mark.parametrize(
    ("probability", "answer"),
    [(0.2, codes.ATOPIC_DERMATITIS), (0.8, codes.MALIGNANT_OR_COMPLICATION)],
)
def test_a_crop_gives_a_class_and_its_probability(probability: float, answer: Any) -> None:
    masks = _masks()

    findings = findings_of(_image(), masks, best_crop(masks.skin, masks.lesion), probability)

    assert _answers(findings)[codes.CROP_RULE.value] == codes.CROP_MET
    assert _answers(findings)[codes.DISEASE_CLASS.value] == answer
    assert any(
        one.quantity == codes.DISEASE_PROBABILITY and one.value == probability
        for one in findings.measurements
    )


def test_masks_are_nested_and_free_of_specks() -> None:
    skin = np.zeros((100, 100), np.float32)
    lesion, keloid = skin.copy(), skin.copy()
    lesion[10:40, 10:40] = 0.9  # on no skin by the skin head
    lesion[80, 80] = 0.9  # a speck
    keloid[10:60, 10:40] = 0.9  # partly off the lesion

    masks = masks_from(skin, lesion, keloid, (0.5, 0.5, 0.5))

    assert masks.lesion.sum() == 900
    assert not (masks.lesion & ~masks.skin).any()
    assert np.array_equal(masks.keloid, masks.lesion)


def test_each_lesion_is_a_keloid_as_a_whole_or_is_none() -> None:
    lesion = np.zeros((100, 100), np.bool_)
    lesion[10:40, 10:40] = lesion[60:90, 60:90] = True
    sure = np.zeros((100, 100), np.float32)
    sure[10:30, 10:40] = 0.9  # two thirds of the first
    sure[60:70, 60:90] = 0.9  # one third of the second

    keloid = keloids_in(lesion, sure, 0.5)

    assert keloid[10:40, 10:40].all()
    assert not keloid[60:90, 60:90].any()
