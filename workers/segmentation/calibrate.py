"""Calibrate: after training, make the probabilities of the networks shares, on other phantoms."""

import structlog
import torch

from workers.learning.platt import fit_scale, rescale
from workers.segmentation.bank import Bank, Classed, as_tensors, heads
from workers.segmentation.network import HEADS, CropClassifier, DeepLab

log = structlog.get_logger()

_TOGETHER = 8
_APART = 4
"""Pixels from one that counts to the next: neighbours say the same."""


def calibrate_segmenter(segmenter: DeepLab, bank: Bank, device: torch.device) -> None:
    """Rescale the last layer of ``segmenter`` in place, each mask by itself, on photos unseen."""
    step = (..., slice(None, None, _APART), slice(None, None, _APART))
    images, found = as_tensors(bank.images), []
    with torch.inference_mode():
        for start in range(0, len(images), _TOGETHER):
            logits = segmenter(images[start : start + _TOGETHER].to(device))
            found.append(logits.float().cpu()[step])
    logits, truth = torch.cat(found), heads(bank.truth[:, None])[step]
    scales = [fit_scale(logits[:, one], truth[:, one]) for one in range(len(HEADS))]
    log.info("calibrated", scales=scales)
    rescale(segmenter.head, scales)


def calibrate_classifier(
    classifier: CropClassifier, classed: Classed, device: torch.device
) -> None:
    """Rescale the last layer of ``classifier`` in place, on pictures unseen."""
    with torch.inference_mode():
        logits = classifier(as_tensors(classed.pixels).to(device)).float().cpu()
    scale = fit_scale(logits, classed.malignant)
    log.info("calibrated", scale=scale)
    rescale(classifier.head[-1], [scale])
