"""The perfusion model: LSCI or photos in, perfusion maps and statistics out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shared.dicom import codes
from workers.contract import Image, Series
from workers.findings import Assessment, Findings, Map, Mask, Measurement
from workers.learning.calibration import calibration
from workers.learning.familiarity import Familiarity, load_familiarity, photo_picture
from workers.learning.weights import load_weights, read_manifest
from workers.perfusion.contrast import flow
from workers.perfusion.network import WIDTHS, Generator
from workers.perfusion.postprocess import (
    REFERENCE_PERFUSION,
    agreement,
    hyperperfused,
    keloid_from,
    perfusion_map,
    region_measurements,
    region_of,
)
from workers.perfusion.preprocess import Kind, kind_of, photo_tensor, why_not
from workers.perfusion.spec import HYPERPERFUSED, KELOID

GENERATOR_FILE = "generator.safetensors"
TWIN_FILE = "l1.safetensors"
"""The generator trained without adversary, to compare with: it answers in no report."""

_GUESSED = codes.PREDICTED_FROM_PHOTO


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Predicted perfusion (arbitrary units) and keloid of one photo, at its own size."""

    perfusion: Map
    keloid: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What LSCI measured, kept for comparison with the photos of the study."""

    sop_instance_uid: str
    perfusion: Map


class Perfusion:
    """The generator on one device, ready to predict; LSCI needs no network."""

    def __init__(
        self,
        generator: Generator,
        device: torch.device,
        familiarity: Familiarity | None = None,
    ) -> None:
        self._familiarity = familiarity
        self._generator = generator.to(device).eval()
        self._device = device

    def predict(self, series: Sequence[Series]) -> tuple[Findings, ...]:
        """Return one :class:`Findings` per image, in order; photos are compared with LSCI."""
        images = [image for one in series for image in one.images]
        found: dict[str, Findings] = {}
        measured: list[_Measured] = []
        for image in images:
            reason = why_not(image)
            if reason:
                found[image.sop_instance_uid] = _declined(image, reason)
            elif kind_of(image) is not Kind.PHOTO:
                findings, one = _read_lsci(image)
                found[image.sop_instance_uid] = findings
                measured.append(one)
        for image in images:
            if image.sop_instance_uid not in found:
                found[image.sop_instance_uid] = self._read_photo(image, measured)
        return tuple(found[image.sop_instance_uid] for image in images)

    def predict_photo(self, photo: npt.NDArray[np.uint8]) -> Prediction:
        """Return the prediction for ``photo`` (rows, columns, 3) uint8."""
        pixels, box = photo_tensor(photo)
        with torch.inference_mode():
            out = self._generator(pixels.to(self._device)).float()[0].cpu().numpy()
        probability = 1 / (1 + np.exp(-np.clip(out[1], -30, 30)))
        return Prediction(
            perfusion=_perfusion(box.unpack(out[0])), keloid=keloid_from(box.unpack(probability))
        )

    def _read_photo(self, image: Image, measured: Sequence[_Measured]) -> Findings:
        photo = np.ascontiguousarray(image.pixels[0], np.uint8)
        prediction = self.predict_photo(photo)
        if not prediction.keloid.any():
            return _declined(image, "no keloid found in the photo")
        region = region_of(prediction.perfusion, prediction.keloid)
        note = "Perfusion predicted from colour by a network trained on phantoms; arbitrary units."
        compared, derived_from = _compare(prediction, measured)
        if compared:
            note += " Correlation is in the keloid; LSCI was resized to the photo, not registered."
        return Findings(
            sop_instance_uid=image.sop_instance_uid,
            derived_from=derived_from,
            masks={KELOID: prediction.keloid[None]},
            maps=(perfusion_map("Predicted perfusion", prediction.perfusion, _GUESSED),),
            measurements=(
                *region_measurements(region, KELOID, _GUESSED),
                *compared,
            ),
            assessments=(_eligible(note), _calibration(image), *self._likeness(photo)),
        )

    def _likeness(self, photo: npt.NDArray[np.uint8]) -> tuple[Assessment, ...]:
        if self._familiarity is None:
            return ()
        return (self._familiarity.judge([photo_picture(photo)]),)


def load(weights: Path, device: torch.device) -> Perfusion:
    """Return the model with the weights in folder ``weights``.

    Raises
    ------
    shared.errors.ConfigurationError
        A file is not the one its manifest names.
    """
    generator = Generator(WIDTHS[read_manifest(weights).size])
    generator.load_state_dict(load_weights(weights, GENERATOR_FILE))
    return Perfusion(generator, device, load_familiarity(weights))


def load_twin(weights: Path, device: torch.device) -> Perfusion:
    """Return the generator's L1 twin from the folder ``weights``.

    Raises
    ------
    shared.errors.ConfigurationError
        The file is missing or not the one its manifest names.
    """
    twin = Generator(WIDTHS[read_manifest(weights).size])
    twin.load_state_dict(load_weights(weights, TWIN_FILE))
    return Perfusion(twin, device)


def compact(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return ``state`` as float16: half the file; ``load_state_dict`` casts back."""
    return {name: value.half() for name, value in state.items()}


def _perfusion(log_perfusion: Map) -> Map:
    """Return perfusion from its log over the reference, within what skin can have."""
    return np.asarray(REFERENCE_PERFUSION * np.exp(np.clip(log_perfusion, -3, 3)), np.float32)


def _read_lsci(image: Image) -> tuple[Findings, _Measured]:
    contrast: tuple[Measurement, ...] = ()
    method = codes.SPECKLE_AS_STORED
    if kind_of(image) is Kind.RAW:
        seen = flow(image.pixels)
        perfusion, method = seen.index, codes.SPECKLE_FRAMES
        contrast = (
            Measurement(
                quantity=codes.SPECKLE_CONTRAST,
                value=float(seen.contrast.mean()),
                unit=codes.RATIO,
                derivation=codes.MEAN,
            ),
        )
        note = "Flow index 1/K² of 7x7 spatial speckle contrast, all frames; arbitrary units."
    else:
        perfusion = image.pixels[0].astype(np.float32)
        note = "Perfusion values as stored in the image; arbitrary units."
    mask = hyperperfused(perfusion)
    region: tuple[Measurement, ...] = ()
    if mask.any():
        region = region_measurements(region_of(perfusion, mask), HYPERPERFUSED, method)
    findings = Findings(
        sop_instance_uid=image.sop_instance_uid,
        masks={HYPERPERFUSED: np.repeat(mask[None], image.pixels.shape[0], axis=0)},
        maps=(perfusion_map("Measured perfusion", perfusion, method),),
        measurements=(*contrast, *region),
        assessments=(_eligible(note), _calibration(image)),
    )
    return findings, _Measured(sop_instance_uid=image.sop_instance_uid, perfusion=perfusion)


def _compare(
    prediction: Prediction, measured: Sequence[_Measured]
) -> tuple[tuple[Measurement, ...], tuple[str, ...]]:
    """Return the correlation with the first LSCI image that can be compared, and its UID."""
    for one in measured:
        r = agreement(prediction.perfusion, one.perfusion, prediction.keloid)
        if r is not None:
            correlation = Measurement(
                quantity=codes.PERFUSION_CORRELATION,
                value=r,
                unit=codes.RATIO,
                segment_number=KELOID,
            )
            return (correlation,), (one.sop_instance_uid,)
    return (), ()


def _calibration(image: Image) -> Assessment:
    return calibration(image.spacing, without="areas are shares of the image")


def _eligible(note: str) -> Assessment:
    return Assessment(question=codes.ELIGIBILITY, answer=codes.ELIGIBLE, note=note)


def _declined(image: Image, reason: str) -> Findings:
    return Findings(sop_instance_uid=image.sop_instance_uid, eligible=False, reason=reason)
