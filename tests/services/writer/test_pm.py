"""Parametric maps, read back as arrays."""

import dataclasses
import io
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from shared.dicom import codes
from shared.dicom.pixels import read_frames
from tests import factories
from tests.services.writer.samples import build, findings_for, results_of


def _map(source: Dataset, folder: Path, *, condensed: bool = False) -> Dataset:
    found = findings_for(source, condensed_map=condensed)
    built = {one.role: one for one in build(source, folder, found)}
    return dcmread(io.BytesIO(built["pm"].content))


def test_values_come_back_exactly(tmp_path: Path) -> None:
    for source in (factories.rgb_photo(), factories.byte_stack()):
        expected = findings_for(source).maps[0].values
        got = _map(source, tmp_path).pixel_array.reshape(expected.shape)
        np.testing.assert_array_equal(got, expected)


def test_our_own_reader_understands_our_maps(tmp_path: Path) -> None:
    source = factories.byte_stack()
    path = tmp_path / "map.dcm"
    factories.save(_map(source, tmp_path), path)
    expected = findings_for(source).maps[0].values
    np.testing.assert_array_equal(read_frames(path).pixels, expected)


def test_quantity_and_unit_are_coded(tmp_path: Path) -> None:
    dataset = _map(factories.rgb_photo(), tmp_path)
    mapping = dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == codes.PERFUSION_UNIT.value
    defined = {
        one.ConceptNameCodeSequence[0].CodeMeaning: one.ConceptCodeSequence[0].CodeValue
        for one in mapping.QuantityDefinitionSequence
    }
    assert defined["Quantity"] == codes.PERFUSION.value
    assert defined[codes.METHOD.meaning] == codes.SPECKLE_FRAMES.value
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)


def test_window_is_the_display_range(tmp_path: Path) -> None:
    shared = _map(factories.rgb_photo(), tmp_path).SharedFunctionalGroupsSequence[0]
    window = shared.FrameVOILUTSequence[0]
    assert (window.WindowCenter, window.WindowWidth) == (0.25, 0.5)
    assert window.VOILUTFunction == "LINEAR_EXACT"


def test_a_map_of_all_frames_refers_to_the_whole_source(tmp_path: Path) -> None:
    dataset = _map(factories.speckle_frames(), tmp_path, condensed=True)
    assert int(dataset.NumberOfFrames) == 1
    group = dataset.PerFrameFunctionalGroupsSequence[0]
    image = group.DerivationImageSequence[0].SourceImageSequence[0]
    assert image.ReferencedSOPInstanceUID == factories.speckle_frames().SOPInstanceUID
    assert "ReferencedFrameNumber" not in image
    each = _map(factories.speckle_frames(), tmp_path).PerFrameFunctionalGroupsSequence[1]
    image = each.DerivationImageSequence[0].SourceImageSequence[0]
    assert image.ReferencedFrameNumber == 2


def test_a_map_says_of_text_and_face_what_its_source_says(tmp_path: Path) -> None:
    for said, expected in (("YES", "YES"), ("NO", "NO"), (None, "YES")):
        source = factories.rgb_photo()
        for keyword in ("BurnedInAnnotation", "RecognizableVisualFeatures"):
            source.pop(keyword, None)
            if said:
                setattr(source, keyword, said)
        dataset = _map(source, tmp_path)
        assert dataset.BurnedInAnnotation == expected
        assert dataset.RecognizableVisualFeatures == expected


def test_maps_and_seg_of_the_same_planes_share_their_frame_of_reference(tmp_path: Path) -> None:
    source = factories.byte_stack()
    built = {one.role: one for one in build(source, tmp_path)}
    seg, own = (dcmread(io.BytesIO(built[role].content)) for role in ("seg", "pm"))
    condensed = _map(source, tmp_path, condensed=True)
    assert seg.FrameOfReferenceUID == own.FrameOfReferenceUID
    assert condensed.FrameOfReferenceUID != seg.FrameOfReferenceUID


def test_maps_say_research(tmp_path: Path) -> None:
    assert _map(factories.rgb_photo(), tmp_path).ContentQualification == "RESEARCH"


def test_constant_maps_and_several_maps_can_be_written(tmp_path: Path) -> None:
    source = factories.rgb_photo()
    found = findings_for(source)
    flat = dataclasses.replace(
        found.maps[0], values=np.zeros_like(found.maps[0].values), display_range=(0.0, 0.0)
    )
    path = factories.save(source, tmp_path / "one.dcm")
    several = dataclasses.replace(found, maps=(found.maps[0], flat))
    built = [one for one in results_of(several, path) if one.role == "pm"]
    assert len({one.series_instance_uid for one in built}) == 2
