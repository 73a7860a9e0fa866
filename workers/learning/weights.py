"""Weights: tensors from safetensors files, checked against their manifest before use."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import load, save_file

from shared.errors import ConfigurationError
from workers.catalog import Size, WeightsFile, WeightsManifest


def load_weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    """Return the tensors of file ``name`` in ``folder``.

    Raises
    ------
    ConfigurationError
        The file is not in ``manifest.json`` or its SHA-256 differs.
    """
    manifest = read_manifest(folder)
    expected = next((one.sha256 for one in manifest.files if one.name == name), None)
    if expected is None:
        raise ConfigurationError(f"{name} is not in the weights manifest", code="weights")
    content = (folder / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != expected:
        raise ConfigurationError(f"{name} differs from its manifest", code="weights")
    tensors: dict[str, torch.Tensor] = load(content)
    return tensors


def load_all(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    """Return the tensors of every file in ``folder``, by the file's name."""
    return {one.name: load_weights(folder, one.name) for one in read_manifest(folder).files}


def read_manifest(folder: Path) -> WeightsManifest:
    """Return the manifest of the weights in ``folder``."""
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    return WeightsManifest.model_validate(json.loads(text))


def size_of(start: Path | None, asked: Size | None) -> Size:
    """Return the size of the networks in folder ``start``; else ``asked``, else small.

    Raises
    ------
    ConfigurationError
        Another size is asked for than that in ``start``.
    """
    if start is None:
        return asked or "small"
    found = read_manifest(start).size
    if asked not in {None, found}:
        raise ConfigurationError(f"the networks in {start} are {found}, not {asked}")
    return found


def sized(size: Size) -> str:
    """Return what the command of a training says of ``size``."""
    return "" if size == "small" else f" --size {size}"


def trained_before(start: Path | None) -> str:
    """Return what a manifest's command ends with when training went on from ``start``."""
    return f" --start, after: {read_manifest(start).command}" if start else ""


def save_weights(
    folder: Path,
    tensors: dict[str, dict[str, torch.Tensor]],
    *,
    model: str,
    version: str,
    trained_on: str,
    metrics: dict[str, float],
    commit: str,
    command: str,
    training_data: str = "",
    size: Size = "small",
) -> WeightsManifest:
    """Write each file of ``tensors`` (file name → state) and the manifest that names them.

    ``training_data`` is what reports say of it, where the spec's words are no longer true.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, state in sorted(tensors.items()):
        save_file({key: value.contiguous().cpu() for key, value in state.items()}, folder / name)
        # safetensors writes 0600; an image runs as another user than the one who trained.
        (folder / name).chmod(0o644)
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        files.append(WeightsFile(name=name, sha256=digest))
    manifest = WeightsManifest(
        model=model,
        version=version,
        files=tuple(files),
        trained_on=trained_on,
        training_data=training_data,
        metrics=metrics,
        commit=commit,
        command=command,
        size=size,
    )
    (folder / "manifest.json").write_text(
        json.dumps(manifest.model_dump(), indent=2) + "\n", encoding="utf-8"
    )
    return manifest
