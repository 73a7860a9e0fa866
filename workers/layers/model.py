"""Model: layer masks, junction measures and entropy for every LC-OCT image of a study."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from shared.dicom import codes
from workers.contract import Image, PixelSpacing, Series
from workers.findings import Assessment, Findings, Mask, ParametricMap
from workers.layers.boundaries import Boundaries, layer_masks, ordered_boundaries
from workers.layers.network import CLASSES, build
from workers.layers.postprocess import (
    FrameMeasures,
    entropy,
    measure_frame,
    measurements,
)
from workers.layers.preprocess import (
    MINIMUM_PIXELS,
    PLAUSIBLE_MICROMETRES,
    normalise,
    pad,
    picture,
    working_shape,
)
from workers.learning.blocks import UNet
from workers.learning.calibration import calibrated, calibration, why_implausible
from workers.learning.familiarity import MOST_COMPARED, Familiarity, load_familiarity
from workers.learning.grayscale import has_contrast, resize, why_unusable
from workers.learning.serving import for_answers
from workers.learning.weights import load_weights, read_manifest

WEIGHTS_FILE = "unet.safetensors"

MOST_MAPPED_FRAMES = 16
"""Stacks with more frames get no entropy map: it would outweigh the images four times."""

_STRIP_PIXELS = 2**20
"""How much of a frame is given to the network at once, to bound memory."""

_OVERLAP = 96
"""Columns that neighbouring strips share on each side: more than the network can see."""

_MOST_BAND_ENTROPY = 0.23
_MOST_ENTROPY = 0.2
"""Mean entropy, at the junction and of whole frames, above which the network is guessing.

Above what unseen phantoms of many sizes reach, below a foreign instrument's and noise's.
"""

_UNCALIBRATED = "thickness in pixels, straight down; relief not measured"

_LEAST_SKIN = 0.1
"""Share of some frame that one layer must fill, or the image shows no skin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFound:
    """One frame: ``probability`` (4, rows, columns), its boundaries and entropy (rows, columns)."""

    probability: npt.NDArray[np.float32]
    boundaries: Boundaries
    entropy: npt.NDArray[np.float32]


class Layers:
    """A loaded network that reads sections and stacks, frame by frame."""

    def __init__(
        self,
        network: UNet,
        device: torch.device,
        familiarity: Familiarity | None = None,
        pieces: int = 1,
    ) -> None:
        self._familiarity = familiarity
        self._network = network.to(device).eval()
        self._device = device
        self._pieces = pieces

    def in_smaller_pieces(self) -> "Layers":
        """Return a model that gives the network an eighth at once."""
        return Layers(self._network, self._device, self._familiarity, 8 * self._pieces)

    def predict(self, series: Sequence[Series]) -> tuple[Findings, ...]:
        """Return the findings of every image of every series, in order."""
        return tuple(self._read(image) for one in series for image in one.images)

    def read_frame(self, frame: npt.NDArray[Any], spacing: PixelSpacing | None) -> FrameFound:
        """Return what is seen in ``frame`` (rows, columns), at the frame's own size."""
        rows, columns = frame.shape
        working = resize(normalise(frame), working_shape((rows, columns), spacing))
        small = self._probability(working)
        probability = np.stack([resize(one, (rows, columns)) for one in small])
        return FrameFound(
            probability=probability,
            boundaries=ordered_boundaries(probability),
            entropy=entropy(probability),
        )

    def _read(self, image: Image) -> Findings:
        reason = why_unusable(image.pixels, MINIMUM_PIXELS) or why_implausible(
            image.spacing, PLAUSIBLE_MICROMETRES
        )
        if reason:
            return _declined(image, reason)
        spacing = calibrated(image.spacing)
        shape = image.pixels.shape
        masks = {number: np.zeros(shape, np.bool_) for number in range(1, CLASSES)}
        with_map = len(image.pixels) <= MOST_MAPPED_FRAMES
        uncertainty = np.zeros(shape if with_map else (0, 0, 0), np.float32)
        measures: list[FrameMeasures] = []
        doubts: list[float] = []
        for index, frame in enumerate(image.pixels):
            if not has_contrast(frame):
                continue  # a blank frame of a stack shows no layer
            found = self.read_frame(frame, image.spacing)
            doubts.append(float(found.entropy.mean()))
            for number, mask in layer_masks(found.boundaries).items():
                masks[number][index] = mask
            if with_map:
                uncertainty[index] = found.entropy
            measured = measure_frame(found.boundaries, found.entropy, spacing)
            if measured is not None:
                measures.append(measured)
        reason = _why_declined(masks, doubts, measures)
        if reason:
            return _declined(image, reason)
        return Findings(
            sop_instance_uid=image.sop_instance_uid,
            masks=masks,
            maps=(_entropy_map(uncertainty),) if with_map else (),
            measurements=measurements(measures, spacing),
            assessments=(
                calibration(image.spacing, without=_UNCALIBRATED),
                *self._likeness(image),
            ),
        )

    def _likeness(self, image: Image) -> tuple[Assessment, ...]:
        if self._familiarity is None:
            return ()
        shown = [one for one in image.pixels if has_contrast(one)]
        frames = shown[:: max(1, len(shown) // MOST_COMPARED)]
        return (self._familiarity.judge([picture(one, image.spacing) for one in frames]),)

    def _probability(self, frame: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return (4, rows, columns), computed in overlapping strips of columns."""
        padded = pad(frame)
        rows, columns = padded.shape
        # Strips start at multiples of 16, so that the network's grid is the same in each.
        width = max(16, _STRIP_PIXELS // self._pieces // rows // 16 * 16)
        parts = []
        for start in range(0, columns, width):
            left, right = max(0, start - _OVERLAP), min(columns, start + width + _OVERLAP)
            stop = min(columns, start + width)
            seen = self._run(padded[:, left:right])
            parts.append(seen[:, :, start - left : stop - left])
        whole = np.concatenate(parts, axis=2)
        return whole[:, : frame.shape[0], : frame.shape[1]]

    def _run(self, strip: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(strip)).to(self._device)
            found = self._network(pixels[None, None]).softmax(dim=1)[0]
        probability: npt.NDArray[np.float32] = found.float().cpu().numpy()
        return probability


def load(weights: Path, device: torch.device) -> Layers:
    """Return the model with the weights in folder ``weights``.

    Raises
    ------
    shared.errors.ConfigurationError
        The weights are not those of the manifest.
    """
    network = build(read_manifest(weights).size)
    network.load_state_dict(load_weights(weights, WEIGHTS_FILE))
    return Layers(for_answers(network, device), device, load_familiarity(weights))


def _why_declined(
    masks: dict[int, Mask], doubts: list[float], measures: list[FrameMeasures]
) -> str:
    if max(mask.mean(axis=(1, 2)).max() for mask in masks.values()) < _LEAST_SKIN:
        return "no skin was found in the image"
    at_junction = [one.band_entropy for one in measures]
    if np.mean(doubts) > _MOST_ENTROPY or (
        at_junction and np.mean(at_junction) > _MOST_BAND_ENTROPY
    ):
        return "the image is unlike the sections the model was trained on"
    return ""


def _declined(image: Image, reason: str) -> Findings:
    return Findings(sop_instance_uid=image.sop_instance_uid, eligible=False, reason=reason)


def _entropy_map(values: npt.NDArray[np.float32]) -> ParametricMap:
    return ParametricMap(
        name="Predictive entropy",
        quantity=codes.PREDICTIVE_ENTROPY,
        unit=codes.RATIO,
        values=values,
        display_range=(0.0, 1.0),
    )
