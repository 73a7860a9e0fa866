"""The judge of overlays, on pictures drawn here: it must see every way to be wrong."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.browser.nested import nested_problems
from tests.browser.overlays import image_in, problems
from tests.browser.scenes import Scene, masks, photo, scenes
from workers.findings import Mask

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


# What models really find: masks in masks (keloid, lesion, skin), skin all over, on grainy images.
REAL_COLOURS = {1: (255, 205, 148), 2: (214, 39, 40), 3: (148, 103, 189)}


def nested_masks(rows: int, columns: int, kind: str) -> dict[int, Mask]:
    """Return skin, lesion and keloid: in a close-up, or on a limb; or layers side by side."""
    blob = masks([2], 1, rows, columns)[2][0]
    moved = np.roll(blob, (rows // 8, columns // 5), (0, 1))
    skin = np.ones((rows, columns), np.bool_)
    if kind == "limb":
        skin[:, : columns // 12] = skin[:, -columns // 12 :] = False
    if kind == "layers":
        down = np.arange(rows)[:, None] + np.zeros((1, columns), int)
        edges = (0.2 * rows, 0.35 * rows, 0.6 * rows, rows)
        return {k + 1: (down >= edges[k]) & (down < edges[k + 1]) for k in range(3)}
    keloid = moved if kind == "limb" else blob | moved
    return {1: skin, 2: blob | moved, 3: keloid}


def grainy(kind: str) -> Drawn:
    source = photo(240, 300).astype(np.float32)
    if kind == "layers":
        source = source.mean(axis=-1)
    grain = np.random.default_rng(7).normal(0, 12, source.shape)
    return np.clip(source + grain, 0, 255).astype(np.uint8)


def overlaid(source: Drawn, over: dict[int, Mask]) -> Drawn:
    """Return ``source`` as a viewer draws it: each overlay half over what is below it."""
    colour = source if source.ndim == 3 else np.repeat(source[..., None], 3, axis=-1)
    picture = colour.astype(np.float32)
    if source.ndim == 2:
        picture = np.clip((picture - 20) * 1.05, 0, 255)
    for number, mask in over.items():
        picture[mask] = (picture[mask] + np.array(REAL_COLOURS[number], np.float32)) / 2
    viewport = np.zeros((842, 1075, 3), np.uint8)
    size = (round(source.shape[1] * 842 / source.shape[0]), 842)
    viewport[:, 5 : 5 + size[0]] = cv2.resize(picture, size).astype(np.uint8)
    return viewport


def judge_nested(kind: str, over: dict[int, Mask]) -> list[str]:
    source = grainy(kind)
    shown = image_in(overlaid(source, over), *source.shape[:2])
    return nested_problems(shown, source, nested_masks(240, 300, kind), REAL_COLOURS)


@pytest.fixture(params=["close-up", "limb", "layers"])
def nesting(request: pytest.FixtureRequest) -> tuple[str, dict[int, Mask]]:
    return request.param, nested_masks(240, 300, request.param)


def test_nested_overlays_on_their_masks_are_right(nesting: tuple[str, dict[int, Mask]]) -> None:
    assert judge_nested(*nesting) == []


def test_no_overlay_at_all_is_seen(nesting: tuple[str, dict[int, Mask]]) -> None:
    assert any("not there" in one for one in judge_nested(nesting[0], {}))


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_one_missing_of_several_is_seen(nesting: tuple[str, dict[int, Mask]], missing: int) -> None:
    kind, real = nesting
    if kind == "close-up" and missing > 1:
        pytest.skip("lesion and keloid have one mask there: together they are one overlay")

    assert judge_nested(kind, {k: mask for k, mask in real.items() if k != missing}) != []


@pytest.mark.parametrize("by", [(40, 0), (0, 40), (-6, 6), (6, 6)])
def test_nested_overlays_shifted_are_seen(
    nesting: tuple[str, dict[int, Mask]], by: tuple[int, int]
) -> None:
    kind, real = nesting
    if kind == "layers" and not by[0]:
        pytest.skip("along the layers, a shift changes nothing")

    assert judge_nested(kind, {k: np.roll(one, by, (0, 1)) for k, one in real.items()}) != []


def test_the_inner_overlay_alone_shifted_is_seen() -> None:
    real = nested_masks(240, 300, "limb")

    assert judge_nested("limb", {**real, 3: np.roll(real[3], (6, 6), (0, 1))}) != []


def test_overlays_in_each_others_colours_are_seen() -> None:
    real = nested_masks(240, 300, "layers")

    said = judge_nested("layers", {1: real[2], 2: real[1], 3: real[3]})

    assert any("colour" in one for one in said)


def test_an_image_that_is_another_is_seen() -> None:
    real = nested_masks(240, 300, "limb")
    flipped = overlaid(grainy("limb")[:, ::-1], real)

    shown = image_in(flipped, 240, 300)

    assert nested_problems(shown, grainy("limb"), real, REAL_COLOURS) != []


def test_nothing_to_judge_is_not_taken_for_right() -> None:
    shown = image_in(overlaid(grainy("limb"), {}), 240, 300)

    assert nested_problems(shown, grainy("limb"), {}, REAL_COLOURS) == ["no overlay to judge"]
