"""The segmentation model: photos in, findings out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workers.contract import Image, Series
from workers.findings import Findings
from workers.learning.familiarity import Familiarity, load_familiarity, photo_picture
from workers.learning.serving import for_answers
from workers.learning.weights import load_weights, read_manifest
from workers.segmentation.crop import Crop, best_crop
from workers.segmentation.network import CropClassifier, DeepLab
from workers.segmentation.postprocess import Masks, findings_of, masks_from
from workers.segmentation.preprocess import INPUT_SIZE, crop_tensor, photo_tensor, why_not

SEGMENTER_FILE = "segmenter.safetensors"
CLASSIFIER_FILE = "classifier.safetensors"
WHOLE_FILE = "whole.safetensors"
"""The classifier of uncut photos: what the crop is compared with; it answers in no report."""


class Segmentation:
    """Both networks on one device, ready to predict."""

    def __init__(
        self,
        segmenter: DeepLab,
        classifier: CropClassifier,
        device: torch.device,
        familiarity: Familiarity | None = None,
    ) -> None:
        self._familiarity = familiarity
        self._segmenter = segmenter.to(device).eval()
        of_skin, of_lesion, of_keloid = segmenter.thresholds.tolist()
        self._thresholds = (of_skin, of_lesion, of_keloid)
        self._classifier = classifier.to(device).eval()
        self._device = device

    def predict(self, series: Sequence[Series]) -> tuple[Findings, ...]:
        """Return one :class:`Findings` per image, in order."""
        return tuple(self._read(image) for one in series for image in one.images)

    def segment(self, photo: npt.NDArray[np.uint8]) -> Masks:
        """Return the masks of ``photo`` (rows, columns, 3) uint8, at its own size."""
        pixels, box = photo_tensor(photo)
        with torch.inference_mode():
            logits = self._segmenter(pixels.to(self._device))
            probabilities = torch.sigmoid(logits.float())[0].cpu().numpy()
        skin, lesion, keloid = (box.unpack(one) for one in probabilities)
        return masks_from(skin, lesion, keloid, self._thresholds)

    def classify(self, photo: npt.NDArray[np.uint8], crop: Crop) -> float:
        """Return the probability that ``crop`` shows malignant disease or a complication."""
        return probability(self._classifier, photo, crop)

    def _read(self, image: Image) -> Findings:
        reason = why_not(image)
        if reason:
            return Findings(sop_instance_uid=image.sop_instance_uid, eligible=False, reason=reason)
        photo = np.ascontiguousarray(image.pixels[0], np.uint8)
        masks = self.segment(photo)
        crop = find_crop(masks)
        is_keloid = 2 * int(masks.keloid.sum()) > int(masks.lesion.sum())
        malignant = None if crop is None or is_keloid else self.classify(photo, crop)
        found = findings_of(image, masks, crop, malignant)
        if self._familiarity is None:
            return found
        likeness = self._familiarity.judge([photo_picture(photo)])
        return replace(found, assessments=(*found.assessments, likeness))


def find_crop(masks: Masks) -> Crop | None:
    """Return the best crop, in pixels of the photo; searched on a grid of the network's size."""
    rows, columns = masks.skin.shape
    step = max(1, -(-max(rows, columns) // INPUT_SIZE))
    crop = best_crop(masks.skin[::step, ::step], masks.lesion[::step, ::step])
    if crop is None:
        return None
    return crop.scaled(rows / len(range(0, rows, step)), columns / len(range(0, columns, step)))


def probability(classifier: CropClassifier, photo: npt.NDArray[np.uint8], crop: Crop) -> float:
    """Return what ``classifier`` says of ``crop``: the probability of the second class."""
    device = next(classifier.parameters()).device
    with torch.inference_mode():
        logit = classifier(crop_tensor(photo, crop).to(device))
        return float(torch.sigmoid(logit.float())[0])


def load(weights: Path, device: torch.device) -> Segmentation:
    """Return the model with the weights in folder ``weights``.

    Raises
    ------
    shared.errors.ConfigurationError
        A file is not the one its manifest names.
    """
    size = read_manifest(weights).size
    segmenter, classifier = DeepLab(size), CropClassifier(size)
    segmenter.load_state_dict(load_weights(weights, SEGMENTER_FILE))
    classifier.load_state_dict(load_weights(weights, CLASSIFIER_FILE))
    segmenter, classifier = for_answers(segmenter, device), for_answers(classifier, device)
    return Segmentation(segmenter, classifier, device, load_familiarity(weights))


def load_whole(weights: Path, device: torch.device) -> CropClassifier:
    """Return the classifier of uncut photos in folder ``weights``.

    Raises
    ------
    shared.errors.ConfigurationError
        The file is missing or not the one its manifest names.
    """
    classifier = CropClassifier(read_manifest(weights).size)
    classifier.load_state_dict(load_weights(weights, WHOLE_FILE))
    return for_answers(classifier, device)


def compact(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return ``state`` with convolution weights as float16: half the file.

    ``load_state_dict`` casts them back; running statistics stay float32, they can be large.
    """
    return {
        name: value.half() if value.ndim == 4 else value.detach().clone()
        for name, value in state.items()
    }
