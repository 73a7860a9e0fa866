"""Sizes: the networks of a GPU are written, read and served as the small ones are."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from shared.errors import ConfigurationError
from workers.catalog import Size, WeightsManifest, model_folder, models
from workers.inflammation.model import WEIGHTS_FILE as TEXTURE_FILE
from workers.inflammation.network import TextureNet
from workers.layers.bank import bank
from workers.layers.model import WEIGHTS_FILE as LAYERS_FILE
from workers.layers.model import load
from workers.layers.network import build
from workers.layers.train import teach
from workers.learning.command_line import run_training, training_parser
from workers.learning.familiarity import renew
from workers.learning.training import Schedule
from workers.learning.weights import load_all, read_manifest, save_weights, size_of, sized
from workers.perfusion.model import GENERATOR_FILE, TWIN_FILE
from workers.perfusion.network import WIDTHS, Generator
from workers.segmentation.model import CLASSIFIER_FILE, SEGMENTER_FILE, WHOLE_FILE
from workers.segmentation.network import CropClassifier, DeepLab

CPU = torch.device("cpu")


def networks(model: str, size: Size) -> dict[str, nn.Module]:
    """Return the untrained networks of ``model``, by the file that each is kept in."""
    match model:
        case "inflammation":
            return {TEXTURE_FILE: TextureNet(size)}
        case "layers":
            return {LAYERS_FILE: build(size)}
        case "perfusion":
            return {name: Generator(WIDTHS[size]) for name in (GENERATOR_FILE, TWIN_FILE)}
        case "segmentation":
            classifiers = {name: CropClassifier(size) for name in (CLASSIFIER_FILE, WHOLE_FILE)}
            return {SEGMENTER_FILE: DeepLab(size), **classifiers}
        case _:
            pytest.fail(f"which networks has {model}?")


def parameters(found: dict[str, nn.Module]) -> int:
    return sum(one.numel() for network in found.values() for one in network.parameters())


def save_full(
    folder: Path, model: str, states: dict[str, dict[str, torch.Tensor]]
) -> WeightsManifest:
    """Write ``states`` as full networks of ``model``, from nothing."""
    return save_weights(
        folder,
        states,
        model=model,
        version="0",
        trained_on="nothing",
        metrics={},
        commit="none",
        command=f"train{sized('full')}",
        size="full",
    )


@pytest.mark.parametrize("model", sorted(models()))
def test_full_networks_are_wider_and_load_from_a_folder_that_says_so(
    model: str, tmp_path: Path
) -> None:
    small, full = networks(model, "small"), networks(model, "full")
    assert parameters(full) > 2 * parameters(small)

    states = load_all(model_folder(model) / "weights")
    states |= {name: network.state_dict() for name, network in full.items()}
    written = save_full(tmp_path, model, states)

    assert written.size == "full"
    loaded = import_module(f"workers.{model}.model")
    for name in ("load", "load_twin", "load_whole"):
        if hasattr(loaded, name):
            getattr(loaded, name)(tmp_path, CPU)
    assert size_of(tmp_path, None) == "full", "what a training goes on from decides"
    with pytest.raises(ConfigurationError, match="are full, not small"):
        size_of(tmp_path, "small")


def test_a_full_network_learns_and_what_was_learnt_is_renewed_as_it_is(tmp_path: Path) -> None:
    network = teach(bank(range(4)), Schedule(steps=1), CPU, kept=None, size="full")
    state = {name: value.half() for name, value in network.state_dict().items()}
    shipped = load_all(model_folder("layers") / "weights")
    written = save_full(tmp_path, "layers", shipped | {LAYERS_FILE: state})

    renew(tmp_path, lambda seed: np.random.default_rng(seed).random((96, 96), np.float32))

    renewed = read_manifest(tmp_path)
    assert (renewed.size, renewed.command) == ("full", "train --size full")
    assert renewed.command == written.command
    load(tmp_path, CPU)


@pytest.mark.parametrize(("asked", "expected"), [([], None), (["--size", "full"], "full")])
def test_the_size_that_is_asked_for_reaches_the_training(
    asked: list[str], expected: str | None, tmp_path: Path
) -> None:
    seen: list[object] = []
    given = training_parser("layers", steps=1).parse_args(
        [*asked, "--weights", str(tmp_path / "weights"), "--keep", str(tmp_path / "keep")]
    )

    def train(weights: Path, **options: object) -> None:
        seen.append(options["size"])

    run_training(given, train)

    assert seen == [expected]


def test_the_weights_in_the_repository_are_small() -> None:
    manifest = read_manifest(model_folder("layers") / "weights")

    assert manifest.size == "small"
    assert "--size" not in manifest.command
    assert size_of(None, "full") == "full"
    assert size_of(None, None) == "small"
