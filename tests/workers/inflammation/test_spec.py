import re
import subprocess
import sys

from pydicom import uid

from workers.catalog import models
from workers.inflammation.spec import SPEC


def test_the_catalogue_finds_the_model() -> None:
    assert models()["inflammation"] is SPEC


def test_the_spec_needs_no_torch() -> None:
    program = "import sys, workers.inflammation.spec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_only_grayscale_is_accepted() -> None:
    assert {one.samples_per_pixel for one in SPEC.accepts} == {1}


def test_both_confocal_sop_classes_are_accepted() -> None:
    assert SPEC.accepts[0].sop_class_uids == {
        uid.ConfocalMicroscopyImageStorage,
        uid.ConfocalMicroscopyTiledPyramidalImageStorage,
    }


def test_texts_that_name_confocal_microscopy_are_recognised() -> None:
    text = next(one.text for one in SPEC.accepts if one.text is not None)
    for name in ("Confocal", "VivaScope 1500", "RCM forearm"):
        assert re.search(text, name)
    for name in ("RCMX", "dermoscopy", "farcm"):
        assert not re.search(text, name)
