"""Calibrate: after training, make the networks' probabilities shares, on other phantoms.

The Dice loss makes a network sure of too much. On photos that it was not trained on, each mask's
logits are rescaled, and it is chosen from which probability on a pixel counts.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import structlog
import torch
from scipy.special import expit
from torch import Tensor

from workers.findings import Mask
from workers.learning.agreement import dice
from workers.learning.platt import fit_scale, rescale
from workers.segmentation.bank import Bank, Classed, as_tensors, heads
from workers.segmentation.network import HEADS, CropClassifier, DeepLab
from workers.segmentation.postprocess import keloids_in

log = structlog.get_logger()

Floats = npt.NDArray[np.float32]

_TOGETHER = 8
_STEP = np.s_[:, ::4, ::4]
"""Pixels that count: neighbours say the same."""

_CANDIDATES = np.linspace(0.04, 0.96, 47)


def calibrate_segmenter(segmenter: DeepLab, bank: Bank, device: torch.device) -> None:
    """Rescale the last layer of ``segmenter`` in place and choose its thresholds, on photos unseen.

    The keloid head is asked only in lesions, so it is calibrated on their pixels alone.
    """
    logits = _logits(segmenter, bank, device)
    truth = heads(bank.truth[:, None]).numpy() > 0
    in_lesion = truth[:, 1][_STEP]
    scales = []
    for head in range(logits.shape[1]):
        given, true = logits[:, head][_STEP], truth[:, head][_STEP]
        asked = in_lesion if HEADS[head] == "keloid" else np.ones_like(in_lesion)
        scales.append(fit_scale(given[asked], true[asked]))
    rescale(segmenter.head, scales)
    thresholds = choose_thresholds(_probabilities(logits, scales), truth)
    log.info("calibrated", scales=scales, thresholds=thresholds)
    segmenter.thresholds.copy_(torch.tensor(thresholds))


def choose_thresholds(
    probability: Floats, truth: npt.NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Return the thresholds of greatest Dice, pooled over photos: (N, 3, rows, columns) both."""
    skin, lesion, keloid = (probability[:, head] for head in range(3))
    of_skin = _best(lambda cut: skin > cut, truth[:, 0])
    of_lesion = _best(lambda cut: lesion > cut, truth[:, 1])
    lesions = lesion > of_lesion

    def keloids(cut: float) -> Mask:
        pairs = zip(lesions, keloid, strict=True)
        return np.stack([keloids_in(lesion, sure, cut) for lesion, sure in pairs])

    return of_skin, of_lesion, _best(keloids, truth[:, 2])


def calibrate_classifier(
    classifier: CropClassifier, classed: Classed, device: torch.device
) -> None:
    """Rescale the last layer of ``classifier`` in place, on pictures unseen."""
    with torch.inference_mode():
        logits = classifier(as_tensors(classed.pixels).to(device)).float().cpu()
    scale = fit_scale(logits, classed.malignant)
    log.info("calibrated", scale=scale)
    rescale(classifier.head[-1], [scale])


def _logits(segmenter: DeepLab, bank: Bank, device: torch.device) -> Floats:
    images: Tensor = as_tensors(bank.images)
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), _TOGETHER):
            logits = segmenter(images[start : start + _TOGETHER].to(device))
            found.append(logits.float().cpu().numpy())
    return np.concatenate(found)


def _probabilities(logits: Floats, scales: list[tuple[float, float]]) -> Floats:
    slopes, offsets = (
        np.array(one, np.float32)[:, None, None] for one in zip(*scales, strict=True)
    )
    return np.asarray(expit(slopes * logits + offsets), np.float32)


def _best(marked: Callable[[float], Mask], truth: Mask) -> float:
    """Return the candidate whose mask has the greatest Dice with ``truth``."""
    return float(max(_CANDIDATES, key=lambda cut: dice(marked(cut), truth)))
