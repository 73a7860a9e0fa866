"""Contract: what a model folder promises, and what it is handed.

A model folder holds ``spec.py`` (a :class:`ModelSpec` named ``SPEC``, torch-free), ``model.py``
(``load(weights, device) -> Model``), ``weights/`` (safetensors and ``manifest.json``) and
``README.md`` (its model card). Catalogue, queue, routing, SEG segments and SR items follow.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt
from pydicom.sr.coding import Code

from workers.findings import Findings


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelSpacing:
    """Millimetres between pixel centres, and how far they may be trusted.

    ``source`` is ``"calibrated"`` (Pixel Spacing with a calibration type, pixel measures, field
    of view) or ``"nominal"`` (plain Pixel Spacing of photos and captures, Nominal Scanned
    Pixel Spacing, PS3.3 C.8.6.1): a hint of scale, never to be measured with.
    """

    row_mm: float
    column_mm: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One decoded SOP instance.

    ``pixels`` is (frames, rows, columns, 3) uint8 RGB for colour, (frames, rows, columns) uint8,
    uint16 or float32 for grayscale; MONOCHROME1 is inverted already (not for a model that
    ``reads_values``), rescale slope and intercept applied. ``spacing`` is ``None`` when nothing
    trustworthy says how large a pixel is.
    ``attributes`` holds plain values some models need (``exposure_time_ms``, ``frame_time_ms``,
    ``depth_um``), absent when unknown.
    """

    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    pixels: npt.NDArray[Any]
    spacing: PixelSpacing | None = None
    attributes: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The decoded images of one series that a model accepted, in instance order."""

    series_instance_uid: str
    modality: str
    description: str
    images: tuple[Image, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One structure a model marks: how it is coded in SEG and which colour a viewer shows."""

    number: int
    label: str
    category: Code
    type: Code
    colour: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """One way a series may look to be read by a model; all given conditions must hold.

    ``text`` is searched, ignoring case, in manufacturer, model name, and the series, study and
    protocol descriptions and the body part; ``not_text``, searched likewise, must not be found.
    """

    reason: str
    sop_class_uids: frozenset[str] = frozenset()
    modalities: frozenset[str] = frozenset()
    samples_per_pixel: int | None = None
    min_frames: int = 1
    max_frames: int | None = None
    text: re.Pattern[str] | None = None
    not_text: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """What a model accepts, finds and needs. ``name`` is folder, queue and catalogue name.

    ``declines`` are images near to those that it accepts, which it must not read, with the reason
    in words for the clinician: asked only about series that no model accepts. ``reads_values`` says
    that pixels are quantities to it, not shades of grey: a polarity of display changes none.
    """

    name: str
    version: str
    title: str
    accepts: tuple[Acceptance, ...]
    segments: tuple[Segment, ...]
    training_data: str
    deadline_seconds: float = 300.0
    num_cpus: float = 1.0
    parameters: dict[str, str] = field(default_factory=dict)
    declines: tuple[Acceptance, ...] = ()
    reads_values: bool = False


class Model(Protocol):
    """A loaded model. Deterministic for the same weights, input and device."""

    def predict(self, series: Sequence[Series]) -> tuple[Findings, ...]:
        """Read all accepted series of a study revision; one :class:`Findings` per image.

        Raises
        ------
        shared.errors.BadInputError
            The pixels cannot be what the model reads (the job fails with this reason).
        """
        ...


@runtime_checkable
class Divisible(Protocol):
    """A model that can take more time for less memory."""

    def in_smaller_pieces(self) -> Model:
        """Return a model of the same findings that hands its network less at once."""
        ...
