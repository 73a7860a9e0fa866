from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from shared.dicom import codes
from workers.catalog import model_folder, weights_manifest
from workers.contract import Image, PixelSpacing, Series
from workers.findings import Findings
from workers.inflammation.evaluate import BASELINE_SCORE, TEST_SUBJECTS, Metrics
from workers.inflammation.model import Inflammation, load
from workers.inflammation.phantom import field
from workers.inflammation.train import TRAINING_SUBJECTS

HALF_UM = PixelSpacing(row_mm=0.0005, column_mm=0.0005, source="calibrated")
UNSEEN = range(200_000, 200_010)


@cache
def model() -> Inflammation:
    return load(model_folder("inflammation") / "weights", torch.device("cpu"))


def read(pixels: np.ndarray, spacing: PixelSpacing | None) -> Findings:
    image = Image(
        sop_instance_uid="1.2.3",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.77.1.8",
        series_instance_uid="1.2",
        pixels=pixels,
        spacing=spacing,
    )
    series = Series(series_instance_uid="1.2", modality="CFM", description="", images=(image,))
    (found,) = model().predict([series])
    return found


def value(found: Findings, quantity: object) -> float:
    (one,) = (one.value for one in found.measurements if one.quantity == quantity)
    return one


def test_unseen_fields_are_graded_far_better_than_by_the_middle_of_the_scale() -> None:
    errors, trivial = [], []
    for subject in UNSEEN:
        one = field(subject, rows=256, columns=256)
        found = value(read(one.pixels[None], HALF_UM), codes.INFLAMMATION_SCORE)
        errors.append(abs(found - one.score.mean()))
        trivial.append(abs(BASELINE_SCORE - one.score.mean()))
    assert np.mean(errors) < 0.5 * np.mean(trivial)


def test_masks_and_map_lie_on_the_image() -> None:
    pixels = np.stack([field(seed, rows=130, columns=170).pixels for seed in (1, 2)])
    found = read(pixels, HALF_UM)
    (score_map,) = found.maps
    assert found.masks[1].shape == score_map.values.shape == pixels.shape
    assert score_map.values.dtype == np.float32
    assert score_map.values.min() >= 0
    assert score_map.values.max() <= 4
    assert np.array_equal(found.masks[1], score_map.values >= 2)
    assert value(found, codes.AREA_FRACTION) == pytest.approx(100 * found.masks[1].mean())


def test_the_map_follows_inflammation_from_place_to_place() -> None:
    calm = field(200_101, rows=300, columns=300, score=0.3).pixels
    inflamed = field(200_101, rows=300, columns=300, score=3.7).pixels
    scores = read(np.concatenate([calm, inflamed], axis=1)[None], HALF_UM).maps[0].values[0]
    assert scores[:, :200].mean() + 1 < scores[:, 400:].mean()


def test_without_spacing_no_area_is_given() -> None:
    found = read(field(1, rows=128, columns=128).pixels[None], None)
    assert codes.SQUARE_MILLIMETRE not in {one.unit for one in found.measurements}
    assert found.assessments[0].answer == codes.NOT_CALIBRATED


def test_an_empty_tile_is_not_graded() -> None:
    tile = field(4, rows=128, columns=128, score=3.5).pixels[None]
    alone, found = read(tile, HALF_UM), read(np.concatenate([tile, 0 * tile]), HALF_UM)
    assert not found.masks[1][1].any()
    for quantity in (codes.INFLAMMATION_SCORE, codes.AREA_FRACTION):
        assert value(found, quantity) == value(alone, quantity)


@pytest.mark.parametrize("shape", [(64, 64), (65, 300), (177, 90)])
def test_small_and_odd_sizes_are_graded(shape: tuple[int, int]) -> None:
    found = read(field(2, rows=shape[0], columns=shape[1]).pixels[None], HALF_UM)
    assert found.maps[0].values.shape == (1, *shape)


def test_a_nominal_spacing_scales_the_picture_and_measures_nothing() -> None:
    pixels = field(1, rows=128, columns=128).pixels[None]
    nominal = replace(HALF_UM, source="nominal")
    found, known = read(pixels, nominal), read(pixels, HALF_UM)
    assert codes.SQUARE_MILLIMETRE in {one.unit for one in known.measurements}
    assert codes.SQUARE_MILLIMETRE not in {one.unit for one in found.measurements}
    assert found.assessments[0].answer == codes.NOT_CALIBRATED
    assert "Nominal spacing only" in found.assessments[0].note
    assert np.array_equal(found.masks[1], known.masks[1])


def test_an_implausible_calibration_is_declined_before_anything_is_enlarged() -> None:
    pixels = field(1, rows=128, columns=128).pixels[None]
    found = read(pixels, PixelSpacing(row_mm=1.0, column_mm=1.0, source="calibrated"))
    assert not found.eligible
    assert "not plausible" in found.reason


def test_the_same_image_is_graded_the_same_way_twice() -> None:
    pixels = field(3, rows=128, columns=128).pixels[None]
    one, two = read(pixels, HALF_UM), read(pixels, HALF_UM)
    assert np.array_equal(one.maps[0].values, two.maps[0].values)
    assert one.measurements == two.measurements


@pytest.mark.parametrize("pixels", [np.zeros((1, 200, 200), np.uint8), np.eye(40)[None] * 9])
def test_what_shows_no_tissue_is_declined(pixels: np.ndarray) -> None:
    found = read(pixels, HALF_UM)
    assert not found.eligible
    assert found.reason
    assert not found.masks


def test_no_subject_is_both_learned_from_and_tested_on() -> None:
    assert not set(TRAINING_SUBJECTS) & (set(TEST_SUBJECTS) | set(UNSEEN))


def test_the_manifest_holds_the_figures_of_the_evaluation() -> None:
    manifest = weights_manifest("inflammation")
    assert set(manifest.metrics) == set(Metrics.__dataclass_fields__)
    assert manifest.metrics["mae"] < manifest.metrics["mae_baseline"]
