"""Networks: a small DeepLabv3+ that segments and a small CNN that classifies the crop.

DeepLabv3+: Chen et al., ECCV 2018 (arXiv:1802.02611); trunk: MobileNetV2, Sandler et al., CVPR 2018
(arXiv:1801.04381), output stride 16, trained from scratch.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from workers.catalog import Size
from workers.learning.blocks import ConvBlock

HEADS = ("skin", "lesion", "keloid")

# Expansion, channels, repeats, stride, dilation: MobileNetV2's table, last stages dilated instead
# of strided, last stage 240 instead of 320 channels to save a third of the pyramid's work.
_STAGES = (
    (1, 16, 1, 1, 1),
    (6, 24, 2, 2, 1),
    (6, 32, 3, 2, 1),
    (6, 64, 4, 2, 1),
    (6, 96, 3, 1, 1),
    (6, 160, 2, 1, 2),
    (6, 240, 1, 1, 2),
)
_RATES = (3, 6, 9)

_TRUNK: dict[Size, float] = {"small": 1.0, "full": 1.4}
"""MobileNetV2's width multiplier; 1.4 is its widest published."""

_PYRAMID: dict[Size, int] = {"small": 96, "full": 256}
"""Channels of pyramid and decoder, 256 as published; the skip stays narrow in both."""

_CLASSIFIER: dict[Size, int] = {"small": 16, "full": 48}


class DeepLab(nn.Module):
    """DeepLabv3+ with one sigmoid head a mask: (N, 3, H, W) in 0-1 → (N, 3, H, W) logits.

    H and W must be multiples of 16.
    """

    def __init__(self, size: Size = "small") -> None:
        super().__init__()
        width, heads = _PYRAMID[size], len(HEADS)
        channels = _widened(32, size)
        self.stem = _conv(3, channels, stride=2)
        stages, outs = [], [_widened(stage[1], size) for stage in _STAGES]
        for (expansion, _, repeats, stride, dilation), out in zip(_STAGES, outs, strict=True):
            blocks = []
            for repeat in range(repeats):
                blocks.append(
                    _Inverted(channels, out, stride if repeat == 0 else 1, expansion, dilation)
                )
                channels = out
            stages.append(nn.Sequential(*blocks))
        self.shallow = nn.Sequential(*stages[:2])
        self.deep = nn.Sequential(*stages[2:])
        self.pyramid = nn.ModuleList(
            [_conv(channels, width, kernel=1)]
            + [
                nn.Sequential(
                    _conv(channels, channels, dilation=rate, groups=channels),
                    _conv(channels, width, kernel=1),
                )
                for rate in _RATES
            ]
        )
        self.context = nn.Sequential(nn.Conv2d(channels, width, 1), nn.ReLU(inplace=True))
        self.project = _conv(width * (len(_RATES) + 2), width, kernel=1)
        self.skip = _conv(outs[1], 32, kernel=1)
        self.decode = nn.Sequential(
            _conv(width + 32, width + 32, groups=width + 32),
            _conv(width + 32, width, kernel=1),
            _conv(width, width, groups=width),
            _conv(width, width, kernel=1),
        )
        self.head = nn.Conv2d(width, heads, 1)
        # What counts as skin, lesion, keloid: probabilities, chosen on photos unseen.
        self.register_buffer("thresholds", torch.full((heads,), 0.5))
        self.thresholds: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of ``x``."""
        size = x.shape[-2:]
        shallow = self.shallow(self.stem(2 * x - 1))
        deep = self.deep(shallow)
        context = self.context(deep.mean((2, 3), keepdim=True)).expand(-1, -1, *deep.shape[-2:])
        deep = self.project(torch.cat([*(rate(deep) for rate in self.pyramid), context], dim=1))
        deep = _resize(deep, shallow.shape[-2:])
        deep = self.decode(torch.cat([deep, self.skip(shallow)], dim=1))
        return _resize(self.head(deep), size)


class CropClassifier(nn.Module):
    """Small CNN: crops (N, 3, H, W) in 0-1 → (N,) logits of malignant or complication.

    Global average and maximum are joined: texture is everywhere, vesicles and crusts are spots.
    """

    def __init__(self, size: Size = "small") -> None:
        super().__init__()
        base = _CLASSIFIER[size]
        widths = (base, 2 * base, 4 * base, 6 * base)
        self.stem = _conv(3, base, kernel=5, stride=2)
        self.stages = nn.ModuleList(ConvBlock(before, after) for before, after in pairwise(widths))
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * widths[-1], 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of ``x``."""
        x = self.stem(2 * x - 1)
        for stage in self.stages:
            x = nn.functional.max_pool2d(stage(x), 2)
        pooled = torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)
        logits: Tensor = self.head(pooled)[:, 0]
        return logits


class _Inverted(nn.Module):
    """Inverted residual: widen, depthwise 3x3, narrow without activation."""

    def __init__(
        self, channels_in: int, channels_out: int, stride: int, expansion: int, dilation: int
    ) -> None:
        super().__init__()
        wide = channels_in * expansion
        widen = [] if expansion == 1 else [_conv(channels_in, wide, kernel=1)]
        self.path = nn.Sequential(
            *widen,
            _conv(wide, wide, stride=stride, dilation=dilation, groups=wide),
            nn.Conv2d(wide, channels_out, 1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.path(x)
        return x + y if self.residual else y


def _widened(channels: int, size: Size) -> int:
    """Return so many times the width multiplier, in whole eights as MobileNetV2 counts them."""
    return int(channels * _TRUNK[size] + 4) // 8 * 8


def _conv(
    channels_in: int,
    channels_out: int,
    *,
    kernel: int = 3,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> nn.Sequential:
    padding = kernel // 2 * dilation
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, padding, dilation, groups, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def _resize(x: Tensor, size: torch.Size) -> Tensor:
    resized = nn.functional.interpolate(x, size=list(size), mode="bilinear", align_corners=False)
    return resized.to(x.dtype)
