"""Sample studies through the real pipeline, opened by the links that the API gives."""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import BrowserContext
from pydicom import dcmread

from services.local.phantoms import Kind
from shared.dicom.pixels import read_frames
from tests.browser.conftest import OUTPUT
from tests.browser.nested import nested_problems
from tests.browser.ohif import CALM_SECONDS, Drawn, Tab
from tests.browser.overlays import Colour, image_in
from tests.integration.running import RunningPipeline, phantom, running_pipeline
from workers.findings import Mask
from workers.inflammation.phantom import field

Pixels = npt.NDArray[np.uint8]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

# Confocal: a field that was drawn inflamed (grade 2, two thirds of it), so that there is a mask.
SEEDS = {Kind.PHOTO: 5, Kind.KELOID: 5, Kind.LC_OCT: 5, Kind.CONFOCAL: 23}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPipeline]:
    data = tmp_path_factory.mktemp("pipeline")
    with running_pipeline(data, CUTIS_LOCAL_VIEWER="true") as running:
        yield running


@pytest.mark.parametrize("kind", SEEDS)
def test_the_link_of_a_result_opens_its_overlay(
    chromium: BrowserContext, pipeline: RunningPipeline, tmp_path: Path, kind: Kind
) -> None:
    uid, paths = phantom(kind, tmp_path, seed=SEEDS[kind])
    pipeline.post(*paths)
    study = pipeline.settled(uid)
    assert study["state"] == "done", study["reason"]
    sources = {str(dcmread(one, stop_before_pixels=True).SOPInstanceUID): one for one in paths}
    results = [one for job in pipeline.jobs(uid) for one in pipeline.results(job["id"])]
    segs = [one for one in results if one["role"] == "seg"]
    assert segs, "the phantom gave nothing to show"
    for seg in segs:
        content = pipeline.stored(uid)[seg["sop_instance_uid"]]
        path = sources[seg["source_sop_instance_uid"]]
        pixels = read_frames(path).pixels
        marked = hd.seg.Segmentation.from_dataset(dcmread(io.BytesIO(content)))
        masks = masks_of(marked, seg["source_sop_instance_uid"], len(pixels))
        modality = str(dcmread(path, stop_before_pixels=True).Modality).lower()
        with Tab(chromium, seg["viewer_url"]) as tab:
            judge = partial(flaws, pixels, masks, colours_of(marked))
            wrong = tab.settle(judge, CALM_SECONDS)
            tab.save(OUTPUT / f"pipeline-{kind}-{seg['model']}-{modality}.png")
            assert wrong == [], tab.errors
            assert tab.errors == []


def test_the_confocal_phantom_is_inflamed_but_not_everywhere() -> None:
    score = field(SEEDS[Kind.CONFOCAL], rows=512, columns=512).score

    assert score.mean() >= 2
    assert 0.5 < (score >= 2).mean() < 0.8


def masks_of(marked: hd.seg.Segmentation, source_uid: str, frames: int) -> dict[int, Mask]:
    """Return the masks of a SEG by segment, (frames, rows, columns) of its source."""
    by: dict[str, Any] = {
        "ignore_spatial_locations": True,
        "assert_missing_frames_are_empty": True,
    }
    if frames == 1:
        stored = marked.get_pixels_by_source_instance([source_uid], **by)
    else:
        numbers = list(range(1, frames + 1))
        stored = marked.get_pixels_by_source_frame(source_uid, numbers, **by)
    return {
        number: np.asarray(stored[..., index], np.bool_)
        for index, number in enumerate(marked.segment_numbers)
    }


def colours_of(marked: hd.seg.Segmentation) -> dict[int, Colour]:
    """Return the colour that a SEG recommends for each segment (PS3.3 C.8.20.2)."""
    found = {}
    for one in marked.SegmentSequence:
        value = hd.color.CIELabColor.from_dicom_value(one.RecommendedDisplayCIELabValue)
        red, green, blue = value.to_rgb()
        found[int(one.SegmentNumber)] = (red, green, blue)
    return found


def flaws(
    pixels: Pixels, masks: dict[int, Mask], colours: dict[int, Colour], picture: Drawn
) -> list[str]:
    """Return what is wrong with ``picture`` as the frame that it is most like.

    Which frame is shown is the viewer's choice; it must be right in image and masks together.
    """
    try:
        shown = image_in(picture, *pixels.shape[1:3])
    except AssertionError as error:
        return [str(error)]
    said = (
        nested_problems(shown, frame, {one: mask[k] for one, mask in masks.items()}, colours)
        for k, frame in enumerate(pixels)
    )
    return min(said, key=len)
