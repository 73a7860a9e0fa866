"""What the catalogue says of the models that are shipped."""

import subprocess
from pathlib import Path

import pytest

from workers import catalog
from workers.catalog import model_folder, models, weights_manifest


def test_the_digest_of_weights_is_what_sha256sum_gives() -> None:
    folder = model_folder("perfusion") / "weights"
    command = "LC_ALL=C; export LC_ALL; sha256sum *.safetensors | sha256sum"
    said = subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True)

    assert said.stdout.decode().split()[0] == weights_manifest("perfusion").digest


def test_reports_say_what_a_site_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "layers" / "weights"
    weights.mkdir(parents=True)
    shipped = weights_manifest("layers")
    own = shipped.model_copy(update={"training_data": "sections of a site"})
    (weights / "manifest.json").write_text(own.model_dump_json())
    (tmp_path / "layers" / "spec.py").touch()
    monkeypatch.setattr(catalog, "_ROOT", tmp_path)
    for cached in (models, weights_manifest):
        cached.cache_clear()
    try:
        assert models()["layers"].training_data == "sections of a site"
    finally:
        for cached in (models, weights_manifest):
            cached.cache_clear()
