"""Scenes: images with masks that lie where no flip, turn, shift or swap goes unnoticed.

Each scene is what one model would give for one kind of image: the source as it arrives, and
findings with known masks, under the model's own spec.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from services.writer.results import BuiltResult, build_results
from shared.dicom import codes
from shared.dicom.uids import derived_uid
from tests import factories
from workers.catalog import models
from workers.contract import ModelSpec
from workers.findings import Findings, Mask, ParametricMap

ROWS, COLUMNS, FRAMES = 180, 260, 5
DIGEST = "0" * 64

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One image in a study of its own, and what the model found in it."""

    name: str
    model: str
    source: Dataset
    pixels: Pixels  # (frames, rows, columns) or (frames, rows, columns, 3)
    findings: Findings

    @property
    def spec(self) -> ModelSpec:
        return models()[self.model]

    def colours(self) -> dict[int, tuple[int, int, int]]:
        return {one.number: one.colour for one in self.spec.segments}

    def results(self, folder: Path) -> tuple[BuiltResult, ...]:
        path = factories.save(self.source, folder / f"{self.name}.dcm")
        paths = {self.findings.sop_instance_uid: path}
        return tuple(build_results([self.findings], paths, self.spec, DIGEST))


def scenes() -> list[Scene]:
    """Return a scene for each kind of image that a model reads."""
    frames, wide = grey(FRAMES), grey(FRAMES, 120, 400)
    return [
        _scene("photo", "segmentation", factories.rgb_photo, photo()),
        _scene("photo-calibrated", "segmentation", factories.calibrated_photo, photo()),
        _scene("photo-captured", "segmentation", factories.sc_photo, photo()),
        _scene("photo-jpeg", "segmentation", factories.jpeg_photo, photo()),
        _scene("photo-portrait", "segmentation", factories.rgb_photo, photo(300, 200)),
        _scene("keloid", "perfusion", factories.rgb_photo, photo()),
        _scene("speckle", "perfusion", factories.speckle_frames, frames),
        _scene("lc-oct-stack", "layers", factories.byte_stack, frames),
        _scene("lc-oct-stack-wide", "layers", factories.byte_stack, wide),
        _scene("lc-oct-section", "layers", factories.bscan, frames[0]),
        _scene("confocal-capture", "inflammation", factories.confocal_sc, frames[0]),
        _scene("confocal", "inflammation", factories.confocal, frames),
    ]


def photo(rows: int = ROWS, columns: int = COLUMNS) -> Pixels:
    """Return (rows, columns, 3) skin colours, bright everywhere, brighter to the lower right."""
    y, x = np.mgrid[:rows, :columns]
    level = (0.35 + 0.3 * x / columns + 0.3 * y / rows)[..., None]
    return np.asarray(level * np.array((235, 190, 165)), np.uint8)


def grey(frames: int, rows: int = ROWS, columns: int = COLUMNS) -> Pixels:
    """Return (frames, rows, columns), brighter to the lower right, each frame with its stripe."""
    y, x = np.mgrid[:rows, :columns]
    plane = np.asarray(90 + 70 * x / columns + 70 * y / rows, np.uint8)
    stack = np.repeat(plane[None], frames, axis=0)
    for index in range(frames):
        # Below every mask, one of as many places as there are frames.
        left, right = (round((index + k) * columns / frames) for k in (0, 1))
        stack[index, round(0.93 * rows) :, left:right] = 255
    return stack


def frame_of(shown: npt.NDArray[np.float32], frames: int) -> int:
    """Return which frame of :func:`grey` a picture (rows, columns, 3) shows, by its stripe."""
    if frames == 1:
        return 0
    rows, columns = shown.shape[:2]
    strip = shown[round(0.95 * rows) : round(0.98 * rows)].mean(axis=(0, 2))
    places = [
        strip[round((k + 0.2) * columns / frames) : round((k + 0.8) * columns / frames)]
        for k in range(frames)
    ]
    return int(np.argmax([one.mean() for one in places]))


def masks(numbers: list[int], frames: int, rows: int, columns: int) -> dict[int, Mask]:
    """Return a mask a segment: blocks and ellipses, all different, moving from frame to frame."""
    y, x = np.mgrid[:rows, :columns] / np.array((rows, columns))[:, None, None]
    found = {}
    for place, number in enumerate(numbers):
        mask = np.zeros((frames, rows, columns), np.bool_)
        for index in range(frames):
            across = 0.12 + 0.28 * place + 0.03 * index
            down = 0.2 + 0.2 * place
            ellipse = ((x - across) / 0.1) ** 2 + ((y - down) / 0.13) ** 2 < 1
            tail = (x > across) & (x < across + 0.04) & (y > down) & (y < down + 0.25)
            mask[index] = ellipse | tail
        found[number] = mask
    return found


def _scene(name: str, model: str, make: Callable[..., Dataset], pixels: Pixels) -> Scene:
    source = make(
        pixels,
        StudyInstanceUID=derived_uid("browser", "study", name),
        SeriesInstanceUID=derived_uid("browser", "series", name),
        SOPInstanceUID=derived_uid("browser", "instance", name),
        PatientID=f"BROWSER-{name}",
    )
    colour = pixels.shape[-1] == 3
    framed = pixels if pixels.ndim - colour == 3 else pixels[None]
    frames, rows, columns = framed.shape[:3]
    numbers = [one.number for one in models()[model].segments]
    found = Findings(
        sop_instance_uid=source.SOPInstanceUID, masks=masks(numbers, frames, rows, columns)
    )
    if model in {"perfusion", "inflammation"}:
        found = replace(found, maps=(_map(frames, rows, columns),))
    return Scene(name=name, model=model, source=source, pixels=framed, findings=found)


def _map(frames: int, rows: int, columns: int) -> ParametricMap:
    y, x = np.mgrid[:rows, :columns] / np.array((rows, columns))[:, None, None]
    values = np.repeat(np.asarray(x * y, np.float32)[None], frames, axis=0)
    return ParametricMap(
        name="perfusion",
        quantity=codes.PERFUSION,
        unit=codes.PERFUSION_UNIT,
        values=values,
        display_range=(0.0, 1.0),
    )
