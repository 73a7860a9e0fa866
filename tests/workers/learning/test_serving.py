"""Folded networks say what the trained ones would; equal images get equal bytes."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from workers.catalog import model_folder
from workers.contract import PixelSpacing
from workers.inflammation.phantom import field
from workers.layers.phantom import section
from workers.learning.blocks import ConvBlock, UNet
from workers.learning.serving import for_answers
from workers.perfusion.phantom import keloid
from workers.segmentation.crop import Crop
from workers.segmentation.phantom import photo

CPU = torch.device("cpu")
SUBJECTS = range(400_000, 400_003)
CROP = Crop(y0=40, x0=40, y1=200, x1=200, skin_share=1.0, lesion_share=0.5)
TWO_UM = PixelSpacing(row_mm=0.002, column_mm=0.002, source="calibrated")

MOST_PIXELS = 1e-4
"""Share of pixels that may get another label: those where two are as likely."""

MOST_PROBABILITY = 1e-4
"""How far a probability, or a score as a part of its scale, may be off."""

Answer = tuple[np.ndarray, np.ndarray]
"""Labels, and the probabilities or scores beside them."""


def of_photo(model: Any, subject: int) -> Answer:
    image = photo(subject).image
    masks = model.segment(image)
    labels = np.stack([masks.skin, masks.lesion, masks.keloid])
    return labels, np.array([model.classify(image, CROP)])


def of_keloid(model: Any, subject: int) -> Answer:
    found = model.predict_photo(keloid(subject).photo)
    return found.keloid, found.perfusion


def of_section(model: Any, subject: int) -> Answer:
    one = section(subject, rows=128, columns=160, micrometres_per_pixel=2.0)
    probability = model.read_frame(one.pixels, TWO_UM).probability
    return probability.argmax(axis=0), probability


def of_field(model: Any, subject: int) -> Answer:
    found = model.read_frame(field(subject).pixels, None)
    return found.scores > 2, np.append(found.scores, found.whole) / 4


READERS: dict[str, Callable[[Any, int], Answer]] = {
    "inflammation": of_field,
    "layers": of_section,
    "perfusion": of_keloid,
    "segmentation": of_photo,
}
FOLDED = sorted(set(READERS) - {"perfusion"})


def load(name: str) -> Any:
    folder: Path = model_folder(name) / "weights"
    return importlib.import_module(f"workers.{name}.model").load(folder, CPU)


def load_unfolded(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(f"workers.{name}.model.for_answers", lambda network, _device: network)
        return load(name)


@pytest.mark.parametrize("name", FOLDED)
def test_a_folded_network_gives_the_labels_of_the_trained_one(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick, trained = load(name), load_unfolded(name, monkeypatch)
    for subject in SUBJECTS:
        labels, sure = READERS[name](quick, subject)
        true_labels, true_sure = READERS[name](trained, subject)
        assert (labels != true_labels).mean() <= MOST_PIXELS
        assert np.abs(sure - true_sure).max() <= MOST_PROBABILITY


@pytest.mark.parametrize("name", sorted(READERS))
def test_an_image_read_again_gets_the_same_bytes(name: str) -> None:
    first, second = load(name), load(name)
    READERS[name](second, SUBJECTS[1])  # what was read before leaves no trace
    answers = (READERS[name](one, SUBJECTS[0]) for one in (first, second, first))
    labels, sure = zip(*answers, strict=True)
    assert len({one.tobytes() for one in labels}) == 1
    assert len({one.tobytes() for one in sure}) == 1


def test_no_normalisation_is_left_to_compute_on_a_cpu() -> None:
    quick = for_answers(UNet(channels=1, classes=2, base=4, depth=1), CPU)
    assert not any(isinstance(one, nn.BatchNorm2d) for one in quick.modules())


def test_the_network_itself_is_left_as_it_was_trained() -> None:
    block = ConvBlock(2, 3)
    kept = {name: one.clone() for name, one in block.state_dict().items()}
    for_answers(block, CPU)
    assert block.training
    assert kept.keys() == block.state_dict().keys()
    assert all(torch.equal(one, kept[name]) for name, one in block.state_dict().items())
