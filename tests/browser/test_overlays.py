"""The judge of overlays, on pictures drawn here: it must see every way to be wrong."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.browser.overlays import image_in, problems
from tests.browser.scenes import Scene, scenes

SCENES = {one.name: one for one in scenes()}
BLEND = 0.25

Drawn = npt.NDArray[np.uint8]


@pytest.fixture(params=["photo", "lc-oct-stack", "keloid", "confocal-capture"])
def scene(request: pytest.FixtureRequest) -> Scene:
    return SCENES[request.param]


def drawn(scene: Scene, frame: int = 0, swap: dict[int, int] | None = None) -> Drawn:
    """Return the frame as a viewer draws it: windowed, blended, outlined."""
    source = scene.pixels[frame].astype(np.float32)
    picture = source if source.ndim == 3 else np.repeat(source[..., None], 3, axis=-1)
    picture = np.clip((picture - 40) * 1.1, 0, 255)
    for number, mask in scene.findings.masks.items():
        colour = np.array(scene.colours()[(swap or {}).get(number, number)], np.float32)
        picture[mask[frame]] = (1 - BLEND) * picture[mask[frame]] + BLEND * colour
        lines, _ = cv2.findContours(
            mask[frame].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(picture, lines, -1, colour.tolist(), 1)
    return picture.astype(np.uint8)


def judge(scene: Scene, picture: Drawn, frame: int = 0) -> list[str]:
    rows, columns = scene.pixels.shape[1:3]
    viewport = np.zeros((700, 1000, 3), np.uint8)
    scale = min(690 / rows, 990 / columns)
    size = (round(columns * scale), round(rows * scale))
    viewport[5 : 5 + size[1], 5 : 5 + size[0]] = cv2.resize(
        picture, size, interpolation=cv2.INTER_LINEAR
    )
    masks = {number: mask[frame] for number, mask in scene.findings.masks.items()}
    shown = image_in(viewport, rows, columns)
    return problems(shown, scene.pixels[frame], masks, scene.colours())


def test_overlays_on_their_masks_are_right(scene: Scene) -> None:
    assert judge(scene, drawn(scene)) == []


def test_a_missing_overlay_is_seen(scene: Scene) -> None:
    bare = Scene(
        name="",
        model=scene.model,
        source=scene.source,
        pixels=scene.pixels,
        findings=type(scene.findings)(sop_instance_uid=""),
    )

    assert any("not there" in one for one in judge(scene, drawn(bare)))


@pytest.mark.parametrize(("down", "across"), [(8, 0), (0, -8), (-6, 6)])
def test_a_shifted_overlay_is_seen(scene: Scene, down: int, across: int) -> None:
    plain = np.roll(drawn(scene), (down, across), axis=(0, 1))

    assert judge(scene, plain) != []


def test_overlays_alone_shifted_are_seen(scene: Scene) -> None:
    masks = {
        number: np.roll(mask, (6, 6), axis=(1, 2)) for number, mask in scene.findings.masks.items()
    }
    moved = Scene(
        name="",
        model=scene.model,
        source=scene.source,
        pixels=scene.pixels,
        findings=type(scene.findings)(sop_instance_uid="", masks=masks),
    )

    assert any("segment" in one for one in judge(scene, drawn(moved)))


@pytest.mark.parametrize("axis", [0, 1])
def test_a_flipped_picture_is_seen(scene: Scene, axis: int) -> None:
    assert judge(scene, np.flip(drawn(scene), axis)) != []


@pytest.mark.parametrize("axis", [1, 2])
def test_overlays_alone_flipped_are_seen(scene: Scene, axis: int) -> None:
    masks = {number: np.flip(mask, axis) for number, mask in scene.findings.masks.items()}
    flipped = Scene(
        name="",
        model=scene.model,
        source=scene.source,
        pixels=scene.pixels,
        findings=type(scene.findings)(sop_instance_uid="", masks=masks),
    )

    assert any("segment" in one for one in judge(scene, drawn(flipped)))


@pytest.mark.parametrize("name", ["photo", "lc-oct-stack", "keloid"])
def test_swapped_colours_are_seen(name: str) -> None:
    first, second = list(SCENES[name].findings.masks)[:2]

    said = judge(SCENES[name], drawn(SCENES[name], swap={first: second, second: first}))

    assert any("colour" in one for one in said)


def test_the_overlay_of_another_frame_is_seen() -> None:
    stack = SCENES["lc-oct-stack"]

    assert judge(stack, drawn(stack, frame=3), frame=3) == []
    assert judge(stack, drawn(stack, frame=1), frame=3) != []
