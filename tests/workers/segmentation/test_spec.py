import subprocess
import sys

import pytest

from workers.segmentation.spec import SPEC


def test_the_spec_loads_without_torch() -> None:
    code = (
        "import sys, workers.segmentation.spec; sys.exit(bool({'torch', 'ray'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "text",
    [
        "LSCI perfusion",
        "Laser Speckle overlay",
        "moorFLPI-2",
        "PeriCam PSI",
        "PIMSoft export",
        "Dermoscopy",
        "dermatoscopic image",
        "VivaScope 1500",
    ],
)
def test_no_screenshot_of_another_device_is_taken_for_a_photo(text: str) -> None:
    for acceptance in SPEC.accepts:
        assert acceptance.not_text is not None
        assert acceptance.not_text.search(text)


@pytest.mark.parametrize(
    "text", ["Clinical photo", "clinical photographs", "Derm clinic", "Dermatology", "keloid arm"]
)
def test_a_clinical_text_is_not_refused(text: str) -> None:
    for acceptance in SPEC.accepts:
        assert acceptance.not_text is not None
        assert not acceptance.not_text.search(text)


def test_other_secondary_captures_need_a_clinical_text() -> None:
    other = next(one for one in SPEC.accepts if one.text is not None)

    assert other.text is not None
    assert other.text.search("clinical photo")
    assert not other.text.search("photoacoustic imaging")
    assert not other.text.search("dermis thickness")
    assert all("DMS" not in one.modalities and one.modalities for one in SPEC.accepts)
