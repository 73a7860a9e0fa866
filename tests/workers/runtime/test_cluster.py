"""Ray asks for a token wherever a worker is started, unless the site has decided otherwise."""

import subprocess
import sys
from pathlib import Path

import pytest

MODE = """
import workers.runtime.cluster
from ray._raylet import AuthenticationMode, get_authentication_mode
print(get_authentication_mode() == AuthenticationMode.TOKEN)
"""


@pytest.mark.parametrize(
    ("given", "asks"), [({}, "True"), ({"RAY_AUTH_MODE": "disabled"}, "False")]
)
def test_ray_asks_for_a_token_unless_it_is_told_not_to(given: dict[str, str], asks: str) -> None:
    root = str(Path(__file__).parents[3])
    clean = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONPATH": root, **given}
    asked = subprocess.run(
        [sys.executable, "-c", MODE], env=clean, check=True, capture_output=True, text=True
    )
    assert asked.stdout.split()[-1] == asks
