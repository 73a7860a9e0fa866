import re
import subprocess
import sys

from workers.catalog import models
from workers.layers.spec import SPEC


def test_the_catalogue_finds_the_model() -> None:
    assert models()["layers"] is SPEC


def test_the_spec_needs_no_torch() -> None:
    program = "import sys, workers.layers.spec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_only_grayscale_is_accepted() -> None:
    assert {one.samples_per_pixel for one in SPEC.accepts} == {1}


def test_texts_that_name_lc_oct_are_recognised() -> None:
    text = next(one.text for one in SPEC.accepts if one.text is not None)
    for name in ("LC-OCT forearm", "lcoct", "DeepLive", "Optical Coherence"):
        assert re.search(text, name)
    assert not re.search(text, "confocal")
