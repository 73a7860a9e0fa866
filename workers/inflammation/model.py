"""Model: an inflammation score at every pixel of every confocal image of a study."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from workers.contract import Image, PixelSpacing, Series
from workers.findings import Assessment, Findings
from workers.inflammation.network import STRIDE, WINDOW, TextureNet, expected_score
from workers.inflammation.postprocess import (
    INFLAMED,
    Scores,
    inflamed_mask,
    measurements,
    score_map,
)
from workers.inflammation.preprocess import (
    MINIMUM_PIXELS,
    PLAUSIBLE_MICROMETRES,
    normalise,
    picture,
    working_shape,
)
from workers.learning.calibration import calibrated, calibration, scale_hint, why_implausible
from workers.learning.familiarity import MOST_COMPARED, Familiarity, load_familiarity
from workers.learning.grayscale import Pixels, has_contrast, resize, why_unusable
from workers.learning.serving import for_answers
from workers.learning.weights import load_weights, read_manifest

WEIGHTS_FILE = "texture.safetensors"

_STRIP_PIXELS = 2**23
"""How much of an image is given to the network at once, to bound memory."""

_MARGIN = (WINDOW - 1) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One frame: ``scores`` at every pixel (rows, columns), ``whole`` of the field; all 0..4."""

    scores: Scores
    whole: float


class Inflammation:
    """A loaded network that grades whole images, frame by frame."""

    def __init__(
        self,
        network: TextureNet,
        device: torch.device,
        familiarity: Familiarity | None = None,
        pieces: int = 1,
    ) -> None:
        self._familiarity = familiarity
        self._network = network.to(device).eval()
        self._device = device
        self._pieces = pieces

    def in_smaller_pieces(self) -> "Inflammation":
        """Return a model that gives the network an eighth at once."""
        return Inflammation(self._network, self._device, self._familiarity, 8 * self._pieces)

    def predict(self, series: Sequence[Series]) -> tuple[Findings, ...]:
        """Return the findings of every image of every series, in order."""
        return tuple(self._read(image) for one in series for image in one.images)

    def read_frame(self, frame: npt.NDArray[Any], spacing: PixelSpacing | None) -> Reading:
        """Return the scores of ``frame`` (rows, columns)."""
        rows, columns = frame.shape
        working = resize(frame.astype(np.float32), working_shape((rows, columns), spacing))
        # Mirrored edges give every pixel a whole window around it.
        pixels = normalise(working)
        cells = [-(-(length - 1) // STRIDE) + 1 for length in pixels.shape]
        after = [
            WINDOW + STRIDE * (count - 1) - _MARGIN - length
            for count, length in zip(cells, pixels.shape, strict=True)
        ]
        padded = np.pad(pixels, [(_MARGIN, one) for one in after], mode="reflect")
        scores, whole = self.window_scores(padded)
        # Window (i, j) is centred on pixel (16 i, 16 j): interpolate between the centres.
        fine = functional.interpolate(
            torch.from_numpy(scores)[None, None],
            size=[STRIDE * (count - 1) + 1 for count in cells],
            mode="bilinear",
            align_corners=True,
        )[0, 0, : pixels.shape[0], : pixels.shape[1]]
        of_pixels = np.clip(resize(fine.numpy(), (rows, columns)), 0, 4)
        whole = self._network.field_score(whole, float(of_pixels.mean()))
        return Reading(scores=of_pixels, whole=whole)

    def window_scores(self, pixels: Pixels) -> tuple[Scores, float]:
        """Return the score of every window of normalised ``pixels`` (rows, columns), and of all.

        Computed in strips of window rows; window (i, j) starts at pixel (16 i, 16 j).
        """
        height = (pixels.shape[0] - WINDOW) // STRIDE + 1
        at_once = max(1, (_STRIP_PIXELS // self._pieces // pixels.shape[1] - WINDOW) // STRIDE + 1)
        energy = torch.zeros(1, self._network.features, 1, 1, device=self._device)
        parts, windows = [], 0
        for first in range(0, height, at_once):
            last = min(first + at_once, height) - 1
            strip = pixels[STRIDE * first : STRIDE * last + WINDOW]
            with torch.inference_mode():
                given = torch.from_numpy(np.ascontiguousarray(strip)).to(self._device)
                energies = self._network.energies(given[None, None])
                parts.append(expected_score(self._network.grade(energies))[0].cpu().numpy())
                energy += energies.float().sum((2, 3), keepdim=True)
                windows += parts[-1].size
        with torch.inference_mode():
            whole = float(expected_score(self._network.whole(energy / windows)))
        return np.concatenate(parts), whole

    def _read(self, image: Image) -> Findings:
        reason = why_unusable(image.pixels, MINIMUM_PIXELS) or why_implausible(
            image.spacing, PLAUSIBLE_MICROMETRES
        )
        if reason:
            return Findings(sop_instance_uid=image.sop_instance_uid, eligible=False, reason=reason)
        # Blank frames (empty tiles) stay at 0 and count neither in the grade nor in the share.
        shown = np.array([has_contrast(frame) for frame in image.pixels])
        scores = np.zeros(image.pixels.shape, np.float32)
        whole = []
        for index in np.flatnonzero(shown):
            found = self.read_frame(image.pixels[index], image.spacing)
            scores[index] = found.scores
            whole.append(found.whole)
        return Findings(
            sop_instance_uid=image.sop_instance_uid,
            masks={INFLAMED: inflamed_mask(scores)},
            maps=(score_map(scores),),
            measurements=measurements(
                scores[shown], calibrated(image.spacing), score=float(np.mean(whole))
            ),
            assessments=(
                calibration(image.spacing, without=_without(image.spacing)),
                *self._likeness(image, shown),
            ),
        )

    def _likeness(self, image: Image, shown: npt.NDArray[np.bool_]) -> tuple[Assessment, ...]:
        if self._familiarity is None:
            return ()
        frames = image.pixels[shown][:: max(1, int(shown.sum()) // MOST_COMPARED)]
        return (self._familiarity.judge([picture(one, image.spacing) for one in frames]),)


def load(weights: Path, device: torch.device) -> Inflammation:
    """Return the model with the weights in folder ``weights``.

    Raises
    ------
    shared.errors.ConfigurationError
        The weights are not those of the manifest.
    """
    network = TextureNet(read_manifest(weights).size)
    network.load_state_dict(load_weights(weights, WEIGHTS_FILE))
    return Inflammation(for_answers(network, device), device, load_familiarity(weights))


def _without(spacing: PixelSpacing | None) -> str:
    if scale_hint(spacing, PLAUSIBLE_MICROMETRES) is not None:
        return "used as a scale for the network, no area is given"
    return "pixels were taken to be 0.6 um, as in training; no area is given"
