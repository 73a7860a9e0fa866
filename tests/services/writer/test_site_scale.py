"""A scale that a site rule gives: in the results, and said to be the site's."""

import io
from pathlib import Path

from pydicom import dcmread

from services.writer.results import BuiltResult, build_results
from tests import factories
from tests.services.writer.samples import DIGEST, SPEC, findings_for


def _built(folder: Path, scale: float | None) -> dict[str, BuiltResult]:
    source = factories.rgb_photo()
    path = factories.save(source, folder / "photo.dcm")
    uid = source.SOPInstanceUID
    scales = {} if scale is None else {uid: scale}
    found = [findings_for(source)]
    results = build_results(found, {uid: path}, SPEC, DIGEST, scales=scales)
    return {one.role: one for one in results}


def test_results_have_the_scale_of_the_site_and_say_whose_it_is(tmp_path: Path) -> None:
    built = _built(tmp_path, 0.05)
    seg = dcmread(io.BytesIO(built["seg"].content))
    (shared,) = seg.SharedFunctionalGroupsSequence
    assert shared.PixelMeasuresSequence[0].PixelSpacing == [0.05, 0.05]
    assert "1 mm stands for 1 pixel" not in seg.ContentDescription
    report = dcmread(io.BytesIO(built["sr-image"].content)).to_json()
    assert "0.05 mm a pixel, given by a rule of the site" in report


def test_another_scale_gives_other_results(tmp_path: Path) -> None:
    names = [_built(tmp_path, scale)["seg"].sop_instance_uid for scale in (None, 0.05, 0.06)]
    assert len(set(names)) == 3
