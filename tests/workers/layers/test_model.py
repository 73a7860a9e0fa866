from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from shared.dicom import codes
from workers.catalog import model_folder, weights_manifest
from workers.contract import Image, PixelSpacing, Series
from workers.findings import Findings
from workers.layers.evaluate import TEST_SUBJECTS, Metrics, flat_layers, layer_dice
from workers.layers.model import Layers, load
from workers.layers.network import build
from workers.layers.phantom import section, stack
from workers.layers.train import TRAINING_SUBJECTS

TWO_UM = PixelSpacing(row_mm=0.002, column_mm=0.002, source="calibrated")
UNSEEN = range(200_000, 200_005)


@cache
def model() -> Layers:
    return load(model_folder("layers") / "weights", torch.device("cpu"))


def read(pixels: np.ndarray, spacing: PixelSpacing | None) -> Findings:
    image = Image(
        sop_instance_uid="1.2.3",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.7.2",
        series_instance_uid="1.2",
        pixels=pixels,
        spacing=spacing,
    )
    series = Series(series_instance_uid="1.2", modality="OCT", description="", images=(image,))
    (found,) = model().predict([series])
    return found


def test_unseen_sections_are_read_far_better_than_by_flat_layers() -> None:
    learned, trivial = [], []
    for subject in UNSEEN:
        one = section(subject, rows=256, columns=384, micrometres_per_pixel=1.9)
        found = model().read_frame(one.pixels, TWO_UM)
        learned.append(np.mean(layer_dice(found.boundaries, one)))
        trivial.append(np.mean(layer_dice(flat_layers(one.pixels), one)))
    assert np.mean(learned) > np.mean(trivial) + 0.1
    assert np.mean(learned) > 0.85


def test_a_stack_is_read_frame_by_frame_with_masks_measures_and_entropy() -> None:
    frames = stack(200_100, frames=3, rows=250, columns=200)
    pixels = np.stack([one.pixels for one in frames])
    found = read(pixels, TWO_UM)
    assert found.eligible
    assert {number: mask.shape for number, mask in found.masks.items()} == dict.fromkeys(
        (1, 2, 3), pixels.shape
    )
    assert found.maps[0].values.shape == pixels.shape
    assert found.maps[0].values.dtype == np.float32
    assert np.isfinite(found.maps[0].values).all()
    quantities = {one.quantity for one in found.measurements}
    assert {codes.LAYER_THICKNESS, codes.DEJ_UNDULATION, codes.PROTRUSION_COUNT} <= quantities
    single = read(pixels[1:2], TWO_UM)
    assert np.array_equal(single.masks[2][0], found.masks[2][1])


def test_without_spacing_no_length_is_given_in_micrometres() -> None:
    one = section(200_200, rows=250, columns=200, micrometres_per_pixel=2.0)
    found = read(one.pixels[None], None)
    assert codes.MICROMETRE not in {one.unit for one in found.measurements}
    assert found.assessments[0].answer == codes.NOT_CALIBRATED


def test_a_nominal_spacing_scales_the_picture_and_measures_nothing() -> None:
    pixels = section(200_200, rows=250, columns=200, micrometres_per_pixel=2.0).pixels[None]
    nominal = replace(TWO_UM, source="nominal")
    found, known = read(pixels, nominal), read(pixels, TWO_UM)
    assert codes.MICROMETRE in {one.unit for one in known.measurements}
    assert codes.MICROMETRE not in {one.unit for one in found.measurements}
    assert found.assessments[0].answer == codes.NOT_CALIBRATED
    assert "Nominal spacing only" in found.assessments[0].note
    assert np.array_equal(found.masks[1], known.masks[1])


def test_an_implausible_calibration_is_declined_before_anything_is_enlarged() -> None:
    pixels = section(200_200, rows=250, columns=200, micrometres_per_pixel=2.0).pixels[None]
    found = read(pixels, PixelSpacing(row_mm=1.0, column_mm=1.0, source="calibrated"))
    assert not found.eligible
    assert "not plausible" in found.reason


def test_the_same_image_is_read_the_same_way_twice() -> None:
    pixels = section(200_300, rows=200, columns=150, micrometres_per_pixel=2.0).pixels[None]
    one, two = read(pixels, TWO_UM), read(pixels, TWO_UM)
    assert np.array_equal(one.maps[0].values, two.maps[0].values)
    assert one.measurements == two.measurements


def test_long_stacks_carry_no_entropy_map() -> None:
    pixels = section(200_400, rows=80, columns=64, micrometres_per_pixel=5.0).pixels
    assert read(np.repeat(pixels[None], 17, axis=0), None).maps == ()


@pytest.mark.parametrize("pixels", [np.zeros((1, 200, 200), np.uint8), np.eye(40)[None] * 9])
def test_what_shows_no_section_is_declined(pixels: np.ndarray) -> None:
    found = read(pixels, TWO_UM)
    assert not found.eligible
    assert found.reason
    assert not found.masks


def test_what_is_unlike_any_section_is_declined() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1, 200, 256)).astype(np.uint8)
    found = read(noise, TWO_UM)
    assert not found.eligible
    assert not found.masks


def test_a_blank_frame_of_a_stack_shows_no_layer_and_spoils_no_other() -> None:
    pixels = section(200_600, rows=200, columns=150, micrometres_per_pixel=2.0).pixels[None]
    alone, found = read(pixels, TWO_UM), read(np.concatenate([pixels, 0 * pixels]), TWO_UM)
    assert np.array_equal(found.masks[2][0], alone.masks[2][0])
    assert not any(mask[1].any() for mask in found.masks.values())
    assert found.measurements == alone.measurements


def test_strips_agree_with_the_whole_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = section(200_500, rows=200, columns=700, micrometres_per_pixel=2.0).pixels
    whole = model().read_frame(pixels, TWO_UM)
    monkeypatch.setattr("workers.layers.model._STRIP_PIXELS", 208 * 256)
    strips = model().read_frame(pixels, TWO_UM)
    assert np.abs(strips.probability - whole.probability).max() < 1e-4


def test_smaller_pieces_agree_with_the_whole_frame() -> None:
    pixels = section(200_500, rows=200, columns=700, micrometres_per_pixel=2.0).pixels
    shapes: list[torch.Size] = []
    whole = model().read_frame(pixels, TWO_UM)
    smaller = model().in_smaller_pieces()
    with network_watched(smaller, shapes):
        found = smaller.read_frame(pixels, TWO_UM)
    assert np.abs(found.probability - whole.probability).max() < 1e-4
    assert len(shapes) > 1


@contextmanager
def network_watched(layers: Layers, shapes: list[torch.Size]) -> Iterator[None]:
    def note(_network: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        shapes.append(given[0].shape)

    handle = layers._network.register_forward_pre_hook(note)
    yield
    handle.remove()


def test_no_subject_is_both_learned_from_and_tested_on() -> None:
    assert not set(TRAINING_SUBJECTS) & (set(TEST_SUBJECTS) | set(UNSEEN))


def test_the_manifest_holds_the_figures_of_the_evaluation() -> None:
    manifest = weights_manifest("layers")
    assert set(manifest.metrics) == set(Metrics.__dataclass_fields__)
    assert manifest.metrics["dice"] > manifest.metrics["dice_baseline"]


def test_the_network_can_be_trained_without_committed_weights() -> None:
    network = build().train()
    network(torch.zeros(1, 1, 32, 32)).sum().backward()
    assert network.head.weight.grad is not None
