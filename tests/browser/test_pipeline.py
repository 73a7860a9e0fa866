"""Sample studies through the real pipeline, opened by the links that the API gives."""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from playwright.sync_api import BrowserContext
from pydicom import dcmread

from services.local.phantoms import Kind
from shared.dicom.pixels import read_frames
from tests.browser.conftest import OUTPUT
from tests.browser.ohif import CALM_SECONDS, Drawn, Tab
from tests.browser.overlays import image_in
from tests.integration.running import RunningPipeline, phantom, running_pipeline

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

KINDS = [Kind.PHOTO, Kind.KELOID, Kind.LC_OCT, Kind.CONFOCAL]
Pixels = np.typing.NDArray[np.float32]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPipeline]:
    data = tmp_path_factory.mktemp("pipeline")
    with running_pipeline(data, CUTIS_LOCAL_VIEWER="true") as running:
        yield running


@pytest.mark.parametrize("kind", KINDS)
def test_the_link_of_a_result_opens_its_overlay(
    chromium: BrowserContext, pipeline: RunningPipeline, tmp_path: Path, kind: Kind
) -> None:
    uid, paths = phantom(kind, tmp_path, seed=5)
    pipeline.post(*paths)
    study = pipeline.settled(uid)
    assert study["state"] == "done", study["reason"]
    sources = {str(dcmread(one, stop_before_pixels=True).SOPInstanceUID): one for one in paths}
    results = [one for job in pipeline.jobs(uid) for one in pipeline.results(job["id"])]
    segs = [one for one in results if one["role"] == "seg"]
    assert segs, "the phantom gave nothing to show"
    for seg in segs:
        content = pipeline.stored(uid)[seg["sop_instance_uid"]]
        marked = hd.seg.Segmentation.from_dataset(dcmread(io.BytesIO(content)))
        source = read_frames(sources[seg["source_sop_instance_uid"]]).pixels
        covered = union(marked, len(source))
        with Tab(chromium, seg["viewer_url"]) as tab:
            wrong = tab.settle(partial(flaws, source, covered), CALM_SECONDS)
            tab.save(OUTPUT / f"pipeline-{kind}-{seg['model']}.png")
            assert wrong == [], tab.errors


def union(marked: hd.seg.Segmentation, frames: int) -> "np.typing.NDArray[np.bool_]":
    """Return (frames, rows, columns): where any segment is that does not fill its whole frame.

    Skin may do: then all is tinted by it alike, and what else is marked stands out all the same.
    """
    covered = np.zeros((frames, marked.Rows, marked.Columns), np.bool_)
    for group, plane in zip(
        marked.PerFrameFunctionalGroupsSequence,
        marked.pixel_array.reshape(-1, marked.Rows, marked.Columns),
        strict=True,
    ):
        if plane.mean() > 0.98:
            continue
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        covered[int(source.get("ReferencedFrameNumber") or 1) - 1] |= plane.astype(np.bool_)
    return covered


def flaws(source: Pixels, covered: "np.typing.NDArray[np.bool_]", picture: Drawn) -> list[str]:
    """Return what is wrong: the picture differs from its frame inside the masks, and only there.

    Which frame is shown is the viewer's choice: the one that the picture is most like.
    """
    rows, columns = covered.shape[1:]
    try:
        shown = image_in(picture, rows, columns)
    except AssertionError as error:
        return [str(error)]
    outside, inside = min(
        _apart(shown, frame, mask) for frame, mask in zip(source, covered, strict=True)
    )
    said = [] if outside < 10 else [f"outside the masks it is off by {outside:.1f}"]
    return said if inside > 2 * outside else [*said, f"inside by {inside:.1f} only"]


def _apart(
    shown: Pixels, frame: Pixels, mask: "np.typing.NDArray[np.bool_]"
) -> tuple[float, float]:
    colour = frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=-1)
    off = np.empty(shown.shape, np.float32)
    for channel in range(3):
        # In doubles: in floats, a plain background of 200,000 pixels counts as no slope at all.
        levels = colour[..., channel].astype(np.float64)
        slope, offset = np.polyfit(levels[~mask], shown[..., channel][~mask].astype(np.float64), 1)
        off[..., channel] = np.abs(shown[..., channel] - np.clip(slope * levels + offset, 0, 255))
    return float(np.median(off[~mask])), float(np.median(off[mask])) if mask.any() else 0.0
