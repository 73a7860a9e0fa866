"""The comparison of dcmqi's voxels sees what is elsewhere. On every input: ``make conformance``."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests import factories
from tests.conformance.checkers import program
from tests.conformance.voxels import voxel_complaints
from tests.services.writer.samples import LESION, build, findings_for

pytestmark = pytest.mark.skipif(program("segimage2itkimage") is None, reason="needs dcmqi")


def test_voxels_elsewhere_or_in_another_frame_are_seen(tmp_path: Path) -> None:
    source = factories.byte_stack()
    found = findings_for(source)
    (seg,) = [one for one in build(source, tmp_path, found) if one.role == "seg"]

    assert voxel_complaints(seg.content, [found]) == []
    for axis in (0, 1, 2):
        moved = {**found.masks, LESION: np.roll(found.masks[LESION], 1, axis)}
        wrong = dataclasses.replace(found, masks=moved)
        assert len(voxel_complaints(seg.content, [wrong])) == 1, axis
