"""Serving: a trained network made quick to answer with, in torch itself.

Which runtime is how fast was measured (docs/adr/0018): `python -m benchmarks.runtimes`.
"""

from copy import deepcopy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Network = TypeVar("Network", bound=nn.Module)


def for_answers(network: Network, device: torch.device) -> Network:
    """Return a copy of ``network`` on ``device`` that answers the same and cannot be trained on.

    On a CPU each batch normalisation is folded into the convolution before it (a scale and an
    offset of its weights), which spares a pass over every feature map, and weights lie channels
    last. Rounding differs: probabilities by less than 1e-4. On a GPU nothing is changed.
    """
    copied = deepcopy(network).to(device).eval().requires_grad_(requires_grad=False)
    if device.type != "cpu":
        return copied
    for one in [*copied.modules()]:
        if isinstance(one, nn.Sequential):
            _fold(one)
    copied.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return copied


def _fold(layers: nn.Sequential) -> None:
    for index, (first, second) in enumerate(pairwise([*layers])):
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            layers[index] = fuse_conv_bn_eval(first, second)
            layers[index + 1] = nn.Identity()
