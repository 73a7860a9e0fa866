import re
import subprocess
import sys

import pytest

from workers.contract import Acceptance
from workers.perfusion.spec import SPEC


def _takes(acceptance: Acceptance, text: str) -> bool:
    def found(pattern: re.Pattern[str] | None) -> bool:
        return pattern is not None and pattern.search(text) is not None

    return found(acceptance.text) and not found(acceptance.not_text)


def _accepting(samples: int) -> list[Acceptance]:
    return [one for one in SPEC.accepts if one.samples_per_pixel == samples]


def test_the_spec_loads_without_torch() -> None:
    code = "import sys, workers.perfusion.spec; sys.exit(bool({'torch', 'ray'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("text", ["LSCI arm", "laser_speckle", "moorFLPI-2", "PeriCam PSI NR"])
def test_laser_speckle_is_read(text: str) -> None:
    assert all(_takes(one, text) for one in _accepting(1))


@pytest.mark.parametrize("text", ["CT perfusion", "Myocardial perfusion SPECT", "brain perfusion"])
def test_the_perfusion_of_other_organs_is_not_read(text: str) -> None:
    assert not any(_takes(one, text) for one in SPEC.accepts)


@pytest.mark.parametrize("text", ["Keloid, sternum", "cheloid", "scar_left_arm", "burn scars"])
def test_a_photo_of_a_keloid_or_scar_is_read(text: str) -> None:
    assert all(_takes(one, text) for one in _accepting(3))


@pytest.mark.parametrize("text", ["scarlet fever", "LSCI keloid screenshot", "keloid perfusion"])
def test_a_colour_screenshot_or_another_disease_is_not_read(text: str) -> None:
    assert not any(_takes(one, text) for one in _accepting(3))


def test_raw_frames_and_maps_are_told_apart_by_their_frames() -> None:
    ranges = sorted((one.min_frames, one.max_frames) for one in _accepting(1))

    assert ranges == [(1, 1), (8, None)]
