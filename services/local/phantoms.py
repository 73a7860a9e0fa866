"""Phantoms: sample studies of every kind that the models read, drawn from one seed."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from services.local.wrapping import SeriesIdentity, frame_stack, photograph, secondary_capture
from workers.inflammation.phantom import field
from workers.layers.phantom import stack
from workers.perfusion.phantom import KeloidPhantom, keloid
from workers.perfusion.speckle import raw_frames
from workers.segmentation.phantom import Disease, View, photo


class Kind(StrEnum):
    """What a sample study holds."""

    PHOTO = "photo"  # a clinical photo
    KELOID = "keloid"  # a photo of a keloid and raw laser speckle of the same skin
    LSCI = "lsci"  # raw laser speckle alone
    LC_OCT = "lc-oct"  # a stack of sections
    CONFOCAL = "confocal"  # one in-vivo confocal field


EXPECTED_MODELS: dict[Kind, frozenset[str]] = {
    Kind.PHOTO: frozenset({"segmentation"}),
    Kind.KELOID: frozenset({"segmentation", "perfusion"}),
    Kind.LSCI: frozenset({"perfusion"}),
    Kind.LC_OCT: frozenset({"layers"}),
    Kind.CONFOCAL: frozenset({"inflammation"}),
}
"""Which models must read a study of each kind: said here on purpose, not asked of the routing."""

_PHOTO_SIZE = 512
_PHOTO_MM = 0.1
# A keloid is a kind of its own; skin without a lesion has nothing to show.
_DISEASES = tuple(one for one in Disease if one not in {Disease.NONE, Disease.KELOID})
_KELOID_SIZE = 256
_KELOID_MM = 0.2
_FRAME_TIME_MS = 40.0


def sample_study(kind: Kind, seed: int) -> list[Dataset]:
    """Return the instances of one study; equal arguments, equal instances and UIDs."""
    return _MAKERS[kind](seed)


def write_studies(
    kind: Kind, folder: Path, *, count: int = 1, seed: int = 1
) -> Iterator[tuple[str, list[Path]]]:
    """Write ``count`` studies below ``folder``; yield each one's UID and its files."""
    for one in range(seed, seed + count):
        instances = sample_study(kind, one)
        home = folder / f"{kind}-{one}"
        home.mkdir(parents=True, exist_ok=True)
        yield instances[0].StudyInstanceUID, list(_save(instances, home))


def _save(instances: Iterable[Dataset], folder: Path) -> Iterator[Path]:
    for number, dataset in enumerate(instances, start=1):
        path = folder / f"{number:04d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        yield path


def _photo_study(seed: int) -> list[Dataset]:
    series = _series(Kind.PHOTO, seed, "XC", "Clinical photo")
    # Half of the photos are calibrated and half are compressed, in all four combinations. A person
    # is not 5 cm wide: what has a scale is a close-up.
    calibrated = bool(seed % 2)
    picture = photo(
        seed,
        _PHOTO_SIZE,
        disease=_DISEASES[seed % len(_DISEASES)],
        view=View.CLOSE if calibrated else None,
    )
    spacing_mm = _PHOTO_MM if calibrated else None
    return [photograph(picture.image, series, spacing_mm=spacing_mm, jpeg=seed // 2 % 2 == 0)]


def _keloid_study(seed: int) -> list[Dataset]:
    found = _keloid(seed)
    series = _series(Kind.KELOID, seed, "XC", "Keloid clinical photo")
    image = photograph(found.photo, series, spacing_mm=_KELOID_MM, jpeg=seed % 2 == 0)
    image.BodyPartExamined = "SKIN"
    return [image, _speckle(Kind.KELOID, seed, 2, found)]


def _lsci_study(seed: int) -> list[Dataset]:
    return [_speckle(Kind.LSCI, seed, 1, _keloid(seed))]


def _lc_oct_study(seed: int) -> list[Dataset]:
    series = _series(Kind.LC_OCT, seed, "OCT", "LC-OCT stack")
    sections = stack(seed, frames=4)
    pixels = np.stack([one.pixels for one in sections])
    spacing_mm = sections[0].micrometres_per_pixel / 1000
    return [frame_stack(pixels, series, spacing_mm=spacing_mm, frame_time_ms=100.0)]


def _confocal_study(seed: int) -> list[Dataset]:
    series = _series(Kind.CONFOCAL, seed, "CFM", "Confocal field")
    found = field(seed, rows=512, columns=512)
    spacing_mm = found.micrometres_per_pixel / 1000
    return [secondary_capture(found.pixels, series, spacing_mm=spacing_mm)]


def _keloid(seed: int) -> KeloidPhantom:
    return keloid(seed, _KELOID_SIZE, with_keloid=True)


def _speckle(kind: Kind, seed: int, number: int, found: KeloidPhantom) -> Dataset:
    series = _series(kind, seed, "OT", "LSCI raw speckle", number=number)
    frames = raw_frames(seed, found.perfusion)
    return frame_stack(frames, series, spacing_mm=_KELOID_MM, frame_time_ms=_FRAME_TIME_MS)


def _series(
    kind: Kind, seed: int, modality: str, description: str, *, number: int = 1
) -> SeriesIdentity:
    return SeriesIdentity(
        study=f"{kind}-{seed}",
        number=number,
        modality=modality,
        description=description,
        device=f"Phantom {modality}",
    )


_MAKERS: dict[Kind, Callable[[int], list[Dataset]]] = {
    Kind.PHOTO: _photo_study,
    Kind.KELOID: _keloid_study,
    Kind.LSCI: _lsci_study,
    Kind.LC_OCT: _lc_oct_study,
    Kind.CONFOCAL: _confocal_study,
}
