import json
from pathlib import Path

import pytest
import torch

from shared.errors import ConfigurationError
from workers.catalog import WeightsManifest
from workers.learning.weights import load_weights, save_weights

NAME = "net.safetensors"


def save(folder: Path) -> WeightsManifest:
    return save_weights(
        folder,
        {NAME: {"a": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(7)}},
        model="layers",
        version="1",
        trained_on="nothing",
        metrics={"dice": 0.5},
        commit="",
        command="none",
    )


def test_weights_come_back_as_they_were_saved(tmp_path: Path) -> None:
    manifest = save(tmp_path)
    tensors = load_weights(tmp_path, NAME)
    assert torch.equal(tensors["a"], torch.arange(6.0).reshape(2, 3))
    assert tensors["count"].item() == 7
    read = WeightsManifest.model_validate(json.loads((tmp_path / "manifest.json").read_text()))
    assert read == manifest


def test_equal_weights_have_an_equal_digest(tmp_path: Path) -> None:
    assert save(tmp_path / "one").digest == save(tmp_path / "two").digest


def test_one_changed_byte_is_refused(tmp_path: Path) -> None:
    save(tmp_path)
    content = bytearray((tmp_path / NAME).read_bytes())
    content[-1] ^= 1
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(ConfigurationError, match="differs"):
        load_weights(tmp_path, NAME)


def test_a_file_that_the_manifest_does_not_name_is_refused(tmp_path: Path) -> None:
    save(tmp_path)
    (tmp_path / "other.safetensors").write_bytes((tmp_path / NAME).read_bytes())
    with pytest.raises(ConfigurationError, match="not in the weights manifest"):
        load_weights(tmp_path, "other.safetensors")
