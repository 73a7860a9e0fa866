"""What every model folder must keep, found through the catalogue."""

import hashlib

import pytest

from shared.errors import ConfigurationError
from workers.catalog import model_folder, models, weights_manifest
from workers.learning.weights import load_weights

NAMES = sorted(models())


def test_the_four_models_are_there() -> None:
    assert NAMES == ["inflammation", "layers", "perfusion", "segmentation"]


@pytest.mark.parametrize("name", NAMES)
def test_a_model_has_a_card_that_says_research_use_only(name: str) -> None:
    card = (model_folder(name) / "README.md").read_text(encoding="utf-8")

    assert "research use only" in card.lower()
    assert "phantom" in card.lower()


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_are_the_ones_in_the_manifest(name: str) -> None:
    folder, manifest = model_folder(name) / "weights", weights_manifest(name)

    assert manifest.model == name
    assert manifest.version == models()[name].version
    assert {one.name for one in manifest.files} == {p.name for p in folder.glob("*.safetensors")}
    for one in manifest.files:
        assert hashlib.sha256((folder / one.name).read_bytes()).hexdigest() == one.sha256
        assert load_weights(folder, one.name)


@pytest.mark.parametrize("name", NAMES)
def test_segment_numbers_and_labels_are_distinct(name: str) -> None:
    segments = models()[name].segments

    assert [one.number for one in segments] == list(range(1, len(segments) + 1))
    assert len({one.label for one in segments}) == len(segments)
    assert len({one.colour for one in segments}) == len(segments)


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_accepts_something_and_says_why(name: str) -> None:
    spec = models()[name]

    assert spec.accepts
    assert all(one.reason for one in spec.accepts)
    assert "phantom" in spec.training_data.lower()


def test_weights_outside_the_manifest_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        load_weights(model_folder("layers") / "weights", "evil.safetensors")
