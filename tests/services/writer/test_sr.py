"""Reports, read back by highdicom."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import highdicom as hd
import pytest
from pydicom.dataset import Dataset

from services.writer.results import BuiltResult
from shared.dicom import codes
from tests import factories
from tests.services.writer.samples import DIGEST, SPEC, build
from workers.findings import Findings


@pytest.fixture
def results(tmp_path: Path) -> dict[str, BuiltResult]:
    return {one.role: one for one in build(factories.rgb_photo(), tmp_path)}


def _report(result: BuiltResult) -> hd.sr.Comprehensive3DSR:
    report = hd.sr.srread(io.BytesIO(result.content))
    assert isinstance(report, hd.sr.Comprehensive3DSR)
    return report


def _content(result: BuiltResult) -> Any:
    return _report(result).content


def _texts(item: Dataset) -> Iterator[str]:
    if "TextValue" in item:
        yield item.TextValue
    for one in item.get("ContentSequence") or []:
        yield from _texts(one)


def _units(item: Dataset) -> Iterator[str]:
    for value in item.get("MeasuredValueSequence") or []:
        yield value.MeasurementUnitsCodeSequence[0].CodeValue
    for one in item.get("ContentSequence") or []:
        yield from _units(one)


def test_reports_are_complete_preliminary_and_unverified(results: dict[str, BuiltResult]) -> None:
    for role in ("sr", "sr-image"):
        report = _report(results[role])
        assert report.CompletionFlag == "COMPLETE"
        assert report.PreliminaryFlag == "PRELIMINARY"
        assert report.VerificationFlag == "UNVERIFIED"


def test_every_marked_structure_has_a_group_that_points_into_the_seg(
    results: dict[str, BuiltResult],
) -> None:
    seg = hd.seg.segread(io.BytesIO(results["seg"].content))
    groups = _content(results["sr"]).get_volumetric_roi_measurement_groups()
    assert [one.finding_type.value for one in groups] == [
        codes.SKIN.value,
        codes.SKIN_LESION.value,
    ]
    for number, group in enumerate(groups, 1):
        assert group.tracking_uid == seg.SegmentSequence[number - 1].TrackingUID
        reference = group.referenced_segment[0].ReferencedSOPSequence[0]
        assert reference.ReferencedSOPInstanceUID == seg.SOPInstanceUID
        assert reference.ReferencedSegmentNumber == number
    lesion = groups[1].get_measurements()
    assert [(one.name.value, float(one.value)) for one in lesion] == [
        (codes.AREA.value, 862.0),
        (codes.PERFUSION.value, pytest.approx(1 / 3)),
    ]
    assert lesion[1].derivation.value == codes.MEAN.value
    assert lesion[1].method.value == codes.SPECKLE_FRAMES.value


def test_no_square_millimetres_without_spacing(results: dict[str, BuiltResult]) -> None:
    units = {unit for role in ("sr", "sr-image") for unit in _units(_report(results[role]))}
    assert "{pixels}" in units
    assert "mm2" not in units


def test_the_image_report_holds_assessments_whole_image_numbers_and_absences(
    results: dict[str, BuiltResult],
) -> None:
    groups = _content(results["sr-image"]).get_image_measurement_groups()
    image, keloid = groups
    answers = {one.name.value: one.value.value for one in image.get_qualitative_evaluations()}
    assert answers == {
        codes.ELIGIBILITY.value: codes.ELIGIBLE.value,
        codes.CALIBRATION.value: codes.NOT_CALIBRATED.value,
        codes.CROP_RULE.value: codes.CROP_MET.value,
    }
    assert [one.name.value for one in image.get_measurements()] == [codes.AREA_FRACTION.value]
    assert keloid.finding_type.value == codes.KELOID.value
    assert "Absent" in [one.value.meaning for one in keloid.get_qualitative_evaluations()]
    assert [float(one.value) for one in keloid.get_measurements()] == [0]


def test_both_reports_say_research_only_and_what_the_model_learned_from(
    results: dict[str, BuiltResult],
) -> None:
    for role in ("sr", "sr-image"):
        words = " ".join(_texts(_report(results[role])))
        assert "Research use only" in words
        assert SPEC.training_data in words
    assert "skin 90 %" in " ".join(_texts(_report(results["sr-image"])))


def test_the_algorithm_is_named_with_its_weights(results: dict[str, BuiltResult]) -> None:
    for role in ("sr", "sr-image"):
        words = list(_texts(_report(results[role])))
        assert "Cutis segmentation" in words
        assert f"weights_sha256={'0' * 64}" in words
        assert "threshold=0.5" in words


def test_a_group_without_a_number_names_its_algorithm_too(tmp_path: Path) -> None:
    source = factories.rgb_photo()
    declined = Findings(sop_instance_uid=source.SOPInstanceUID, eligible=False, reason="too dark")
    (report,) = build(source, tmp_path, declined)
    (group,) = _content(report).get_image_measurement_groups()
    named = {
        one.ConceptNameCodeSequence[0].CodeMeaning: one.TextValue
        for one in group[0].ContentSequence
        if one.ValueType == "TEXT"
    }
    assert named["Algorithm Name"] == "Cutis segmentation"
    assert named["Algorithm Version"] == SPEC.version
    assert f"weights_sha256={DIGEST}" in list(_texts(_report(report)))


def test_evidence_lists_source_and_seg(results: dict[str, BuiltResult]) -> None:
    evidence = str(_report(results["sr"]).CurrentRequestedProcedureEvidenceSequence)
    assert factories.rgb_photo().SOPInstanceUID in evidence
    assert results["seg"].sop_instance_uid in evidence
