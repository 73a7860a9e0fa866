"""Sizes: the networks of a GPU are written, read and served as the small ones are."""

from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import nn

from workers.catalog import Size, model_folder
from workers.inflammation.model import WEIGHTS_FILE as TEXTURE_FILE
from workers.inflammation.network import TextureNet
from workers.layers.model import WEIGHTS_FILE as LAYERS_FILE
from workers.layers.network import build
from workers.learning.weights import load_all, read_manifest, save_weights, size_of
from workers.perfusion.model import GENERATOR_FILE, TWIN_FILE
from workers.perfusion.network import WIDTHS, Generator
from workers.segmentation.model import CLASSIFIER_FILE, SEGMENTER_FILE, WHOLE_FILE
from workers.segmentation.network import CropClassifier, DeepLab


def networks(model: str, size: Size) -> dict[str, nn.Module]:
    """Return the untrained networks of ``model``, by the file that each is kept in."""
    match model:
        case "inflammation":
            return {TEXTURE_FILE: TextureNet(size)}
        case "layers":
            return {LAYERS_FILE: build(size)}
        case "perfusion":
            return {name: Generator(WIDTHS[size]) for name in (GENERATOR_FILE, TWIN_FILE)}
        case _:
            classifiers = {name: CropClassifier(size) for name in (CLASSIFIER_FILE, WHOLE_FILE)}
            return {SEGMENTER_FILE: DeepLab(size), **classifiers}


def parameters(found: dict[str, nn.Module]) -> int:
    return sum(one.numel() for network in found.values() for one in network.parameters())


@pytest.mark.parametrize("model", ["inflammation", "layers", "perfusion", "segmentation"])
def test_full_networks_are_wider_and_load_from_a_folder_that_says_so(
    model: str, tmp_path: Path
) -> None:
    small, full = networks(model, "small"), networks(model, "full")
    assert parameters(full) > 2 * parameters(small)

    states = load_all(model_folder(model) / "weights")
    states |= {name: network.state_dict() for name, network in full.items()}
    written = save_weights(
        tmp_path,
        states,
        model=model,
        version="0",
        trained_on="nothing",
        metrics={},
        commit="none",
        command="train",
        size="full",
    )

    assert written.size == "full"
    assert written.command == "train --size full"
    import_module(f"workers.{model}.model").load(tmp_path, torch.device("cpu"))
    assert size_of(tmp_path, "small") == "full", "what a training goes on from decides"


def test_the_weights_in_the_repository_are_small(tmp_path: Path) -> None:
    manifest = read_manifest(model_folder("layers") / "weights")

    assert manifest.size == "small"
    assert "--size" not in manifest.command
    assert size_of(None, "full") == "full"
