"""What the catalogue says of the models that are shipped."""

import subprocess

from workers.catalog import model_folder, weights_manifest


def test_the_digest_of_weights_is_what_sha256sum_gives() -> None:
    folder = model_folder("perfusion") / "weights"
    command = "LC_ALL=C; export LC_ALL; sha256sum *.safetensors | sha256sum"
    said = subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True)

    assert said.stdout.decode().split()[0] == weights_manifest("perfusion").digest
