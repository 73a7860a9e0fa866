"""Body part, region and side: repeated where the source states them, and never made up."""

import io
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import SecondaryCaptureImageStorage

from services.writer.anatomy import Anatomy, anatomy
from services.writer.identity import concept
from shared.dicom import codes
from tests import factories
from tests.conformance.inputs import sided_photo
from tests.services.writer.samples import build_series

UPPER_ARM = Code("40983000", "SCT", "Upper arm")


def region(code: Code = UPPER_ARM, side: Code | None = None) -> Dataset:
    item: Dataset = concept(code)
    if side is not None:
        item.AnatomicRegionModifierSequence = [concept(side)]
    return item


def frame_anatomy(side: str) -> Dataset:
    groups, item = Dataset(), Dataset()
    item.FrameLaterality, item.AnatomicRegionSequence = side, [region()]
    groups.FrameAnatomySequence = [item]
    return groups


def written(source: Dataset, folder: Path) -> dict[str, Dataset]:
    results = build_series([source], folder, extra_roles={"pdf", "pr"})
    return {one.role: dcmread(io.BytesIO(one.content)) for one in results}


def sites(report: Dataset) -> list[tuple[str, list[str]]]:
    """Return each finding site with its modifiers, of every measurement group."""
    found: list[tuple[str, list[str]]] = []
    for item in report.get("ContentSequence") or []:
        if item.get("ConceptNameCodeSequence") and item.ConceptNameCodeSequence[0].CodeValue == (
            "363698007"
        ):
            modifiers = [
                one.ConceptCodeSequence[0].CodeMeaning for one in item.get("ContentSequence") or []
            ]
            found.append((item.ConceptCodeSequence[0].CodeMeaning, modifiers))
        found += sites(item)
    return found


def test_what_the_source_states_stands_in_every_result(tmp_path: Path) -> None:
    results = written(sided_photo(), tmp_path)

    assert set(results) == {"seg", "sr", "pr", "pm", "sr-image", "sc", "pdf"}
    assert all(results[role].BodyPartExamined == "ARM" for role in ("seg", "pr", "pm", "sc", "pdf"))
    assert [results[role].Laterality for role in ("pr", "sc")] == ["L", "L"]
    assert results["pdf"].ImageLaterality == "L"
    for segment in results["seg"].SegmentSequence:
        (said,) = segment.AnatomicRegionSequence
        assert said.CodeMeaning == "Upper arm"
        assert said.AnatomicRegionModifierSequence[0].CodeMeaning == "Left"
    (frame,) = results["pm"].SharedFunctionalGroupsSequence[0].FrameAnatomySequence
    assert frame.FrameLaterality == "L"
    assert frame.AnatomicRegionSequence[0].CodeMeaning == "Upper arm"
    for role in ("sr", "sr-image"):
        assert set(map(str, sites(results[role]))) == {"('Upper arm', ['Left'])"}
    said = [one.get("TextValue") for one in results["sr-image"].ContentSequence[-1].ContentSequence]
    assert "Body part, as the image states it: ARM." in said


def test_no_side_is_made_up(tmp_path: Path) -> None:
    results = written(factories.rgb_photo(), tmp_path)

    for role, one in results.items():
        assert not one.get("Laterality"), role
        assert "ImageLaterality" not in one
        assert "BodyPartExamined" not in one
    (said,) = results["seg"].SegmentSequence[0].AnatomicRegionSequence
    assert said.CodeMeaning == "Skin"
    assert "AnatomicRegionModifierSequence" not in said
    for role in ("sr", "sr-image"):
        assert set(map(str, sites(results[role]))) == {"('Skin', [])"}


def test_a_map_is_of_unpaired_skin_unless_the_side_of_its_region_is_known(tmp_path: Path) -> None:
    source = factories.rgb_photo(AnatomicRegionSequence=[region()])

    results = written(source, tmp_path)

    # The arm is paired, so U would be false of it: true is only that skin is an unpaired organ.
    (frame,) = results["pm"].SharedFunctionalGroupsSequence[0].FrameAnatomySequence
    assert (frame.FrameLaterality, frame.AnatomicRegionSequence[0].CodeMeaning) == ("U", "Skin")
    assert results["seg"].SegmentSequence[0].AnatomicRegionSequence[0].CodeMeaning == "Upper arm"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, Anatomy()),
        ({"Laterality": "R"}, Anatomy(side="R")),
        ({"ImageLaterality": "B"}, Anatomy(side="B")),
        ({"ImageLaterality": "U", "BodyPartExamined": "FACE"}, Anatomy("FACE", None, "U")),
        ({"Laterality": "R", "ImageLaterality": "R"}, Anatomy(side="R")),
        ({"Laterality": "R", "ImageLaterality": "L"}, Anatomy()),
        ({"Laterality": ""}, Anatomy()),
        ({"Laterality": "left"}, Anatomy()),
        ({"BodyPartExamined": "a part of the body"}, Anatomy()),
        ({"AnatomicRegionSequence": [Dataset()]}, Anatomy()),
        ({"AnatomicRegionSequence": [region()]}, Anatomy("", UPPER_ARM, "")),
        ({"AnatomicRegionSequence": [region(side=codes.RIGHT)]}, Anatomy("", UPPER_ARM, "R")),
        ({"Laterality": "L", "AnatomicRegionSequence": [region(side=codes.RIGHT)]}, "no side"),
        ({"SharedFunctionalGroupsSequence": [frame_anatomy("B")]}, Anatomy("", UPPER_ARM, "B")),
        (
            {"PerFrameFunctionalGroupsSequence": [frame_anatomy("L"), frame_anatomy("R")]},
            "no side",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
@pytest.mark.filterwarnings("ignore:The value length")
def test_only_what_is_stated_once_and_well_counts(
    attributes: dict[str, Any], expected: Anatomy | str
) -> None:
    source = Dataset()
    for keyword, value in attributes.items():
        setattr(source, keyword, value)

    said = anatomy(source)

    assert said == (Anatomy("", UPPER_ARM, "") if expected == "no side" else expected)


@pytest.mark.parametrize(("part", "asked"), [("CHEST", False), ("ARM", True), ("", True)])
def test_a_picture_of_an_unpaired_part_has_no_laterality(part: str, asked: bool) -> None:
    picture = Dataset()
    picture.SOPClassUID, picture.Laterality = SecondaryCaptureImageStorage, None

    Anatomy(body_part=part).state(picture)

    assert ("Laterality" in picture) is asked
