"""Rules of the house that neither the type checker nor the linters can see."""

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    path
    for package in ("services", "workers", "shared")
    for path in (ROOT / package).rglob("*.py")
    if "versions" not in path.parts
)


def test_no_module_is_longer_than_300_lines() -> None:
    long = {str(path): n for path in MODULES if (n := len(path.read_text().splitlines())) > 300}

    assert long == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty_words = {"utils", "helpers", "common", "misc", "base", "manager"}

    assert [str(path) for path in MODULES if path.stem in empty_words] == []


def test_only_the_task_boundary_catches_everything() -> None:
    catching = [path for path in MODULES if "except Exception" in path.read_text()]

    assert [path.relative_to(ROOT).as_posix() for path in catching] == ["shared/stage.py"]


def test_no_other_distribution_owns_our_names() -> None:
    owners = packages_distributions()

    for name in ("services", "workers", "shared"):
        assert set(owners.get(name, [])) <= {"cutis"}


@pytest.mark.parametrize(
    "module",
    [
        "services.listener.bootstrap",
        "services.dispatcher.bootstrap",
        "services.writer.bootstrap",
        "services.api.bootstrap",
    ],
)
def test_a_service_loads_neither_torch_nor_ray(module: str) -> None:
    # The import graph is static; the catalogue imports specs at run time, so look at the result.
    code = (
        f"import sys, {module}; from workers.catalog import models; models(); "
        "sys.exit(bool({'torch', 'ray'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
