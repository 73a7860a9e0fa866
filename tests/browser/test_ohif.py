"""Results of all four models in the real OHIF: each overlay where its mask is."""

from collections.abc import Collection
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import BrowserContext

from services.writer.results import BuiltResult
from shared.dicom.pixels import read_frames
from tests import factories
from tests.browser.conftest import OUTPUT
from tests.browser.ohif import CALM_SECONDS, Drawn, Tab
from tests.browser.overlays import image_in, problems
from tests.browser.scenes import Scene, frame_of, scenes
from tests.orthanc import OrthancServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SCENES = {one.name: one for one in scenes()}


@pytest.fixture(params=list(SCENES))
def scene(request: pytest.FixtureRequest) -> Scene:
    return SCENES[request.param]


def stored(scene: Scene, orthanc: OrthancServer, folder: Path) -> dict[str, BuiltResult]:
    """Put the source and its results into the archive; return the results by role."""
    orthanc.upload(factories.part10(scene.source))
    results = scene.results(folder)
    for one in results:
        orthanc.upload(one.content)
    return {one.role: one for one in results}


def link(viewer_url: str, result: BuiltResult) -> str:
    return viewer_url.format(
        study_instance_uid=result.study_instance_uid,
        series_instance_uid=result.series_instance_uid,
    )


def flaws(scene: Scene, frames: Collection[int], picture: Drawn) -> list[str]:
    """Return what is wrong with ``picture``, which shall show one of ``frames``."""
    count, rows, columns = scene.pixels.shape[:3]
    try:
        shown = image_in(picture, rows, columns)
    except AssertionError as error:
        return [str(error)]
    frame = frame_of(shown, count)
    masks = {number: mask[frame] for number, mask in scene.findings.masks.items()}
    found = problems(shown, scene.pixels[frame], masks, scene.colours())
    return found if frame in frames else [f"frame {frame} again", *found]


def frame_shown(scene: Scene, picture: Drawn | None) -> int:
    assert picture is not None
    count, rows, columns = scene.pixels.shape[:3]
    return frame_of(image_in(picture, rows, columns), count)


def test_the_link_of_a_segmentation_shows_each_overlay_where_its_mask_is(
    chromium: BrowserContext,
    orthanc: OrthancServer,
    viewer_url: str,
    tmp_path: Path,
    scene: Scene,
) -> None:
    seg = stored(scene, orthanc, tmp_path)["seg"]
    left = set(range(len(scene.pixels)))  # which frame comes first is the viewer's choice
    with Tab(chromium, link(viewer_url, seg)) as tab:
        wrong = tab.settle(partial(flaws, scene, left), CALM_SECONDS)
        tab.save(OUTPUT / f"{scene.name}-seg.png")
        assert wrong == [], tab.errors
        left.remove(frame_shown(scene, tab.picture()))
        while left:
            tab.step()
            wrong = tab.settle(partial(flaws, scene, left), 0)
            frame = frame_shown(scene, tab.picture())
            tab.save(OUTPUT / f"{scene.name}-seg-frame-{frame + 1}.png")
            assert wrong == [], tab.errors
            left.remove(frame)


def test_the_picture_is_shown_as_it_was_drawn(
    chromium: BrowserContext,
    orthanc: OrthancServer,
    viewer_url: str,
    tmp_path: Path,
) -> None:
    scene = SCENES["keloid"]
    result = stored(scene, orthanc, tmp_path)["sc"]
    path = tmp_path / "picture.dcm"
    path.write_bytes(result.content)
    drawn = read_frames(path).pixels[0]

    def look(picture: Drawn) -> list[str]:
        try:
            shown = image_in(picture, *drawn.shape[:2])
        except AssertionError as error:
            return [str(error)]
        off = float(np.abs(shown - drawn).mean())
        return [f"off by {off:.1f}"] if off > 12 else []

    with Tab(chromium, link(viewer_url, result)) as tab:
        wrong = tab.settle(look, CALM_SECONDS)
        tab.save(OUTPUT / f"{scene.name}-sc.png")
        assert wrong == [], tab.errors
