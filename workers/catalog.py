"""Catalogue: finds every model folder, without importing torch."""

import hashlib
import importlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.errors import ConfigurationError
from workers.contract import ModelSpec

_ROOT = Path(__file__).parent


class WeightsFile(BaseModel):
    """One safetensors file: its name inside ``weights/`` and its SHA-256."""

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str


Size = Literal["small", "full"]
"""Of a model's networks: what two cores train in hours, or wider, for a GPU."""


class WeightsManifest(BaseModel):
    """``weights/manifest.json``: which files, from which data, how good, from which commit."""

    model_config = ConfigDict(frozen=True)

    model: str
    version: str
    files: tuple[WeightsFile, ...]
    trained_on: str
    training_data: str = ""
    """What reports say of it instead of the spec, where more than the spec's data was used."""
    metrics: dict[str, float]
    commit: str
    command: str
    size: Size = "small"

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the set: of the lines that ``sha256sum`` prints of it.

        In order of name: each line is the digest of a file, two spaces and its name.
        """
        files = sorted(self.files, key=lambda one: one.name)
        lines = "".join(f"{one.sha256}  {one.name}\n" for one in files)
        return hashlib.sha256(lines.encode()).hexdigest()


def model_folder(name: str) -> Path:
    """Return the folder of model ``name``."""
    return _ROOT / name


@cache
def models() -> dict[str, ModelSpec]:
    """Return every model by name: each folder here that has a ``spec.py``.

    Raises
    ------
    ConfigurationError
        A folder's name is not its spec's name.
    """
    found = {}
    for path in sorted(_ROOT.glob("*/spec.py")):
        spec: ModelSpec = importlib.import_module(f"workers.{path.parent.name}.spec").SPEC
        if spec.name != path.parent.name:
            raise ConfigurationError(f"folder {path.parent.name} holds the spec of {spec.name}")
        found[spec.name] = _as_trained(spec)
    return found


@cache
def weights_manifest(name: str) -> WeightsManifest:
    """Return the weights manifest of model ``name``.

    Raises
    ------
    ConfigurationError
        The manifest is missing.
    """
    path = model_folder(name) / "weights" / "manifest.json"
    if not path.is_file():
        raise ConfigurationError(f"model {name} has no weights manifest", code="no-weights")
    return WeightsManifest.model_validate(json.loads(path.read_text(encoding="utf-8")))


def _as_trained(spec: ModelSpec) -> ModelSpec:
    """Return ``spec`` with what its weights were trained on, where a site trained them itself."""
    if not (model_folder(spec.name) / "weights" / "manifest.json").is_file():
        return spec
    said = weights_manifest(spec.name).training_data
    return replace(spec, training_data=said) if said else spec
