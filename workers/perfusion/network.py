"""Networks: pix2pix (Isola et al., CVPR 2017, arXiv:1611.07004), small.

The generator is a U-Net with instance normalisation; the PatchGAN judges patches of photo and
perfusion map together and is needed for training only.
"""

import torch
from torch import Tensor, nn

from workers.catalog import Size

WIDTHS: dict[Size, int] = {"small": 16, "full": 64}
"""Channels of the first layers, 64 as published; the depth is the same in both."""


class Generator(nn.Module):
    """Photo (N, 3, H, W) in 0-1 → (N, 2, H, W): log perfusion and the logit of keloid.

    Log perfusion is relative to ``REFERENCE_PERFUSION`` of postprocess. H and W must be multiples
    of 2 ** ``depth``.
    """

    def __init__(self, width: int = WIDTHS["small"], depth: int = 6) -> None:
        super().__init__()
        widths = [min(width * 2**level, width * 8) for level in range(depth)]
        self.down = nn.ModuleList(
            _Halve(before, after, normalised=0 < level < depth - 1)
            for level, (before, after) in enumerate(zip([3, *widths], widths, strict=False))
        )
        joined = [after if level == depth - 1 else 2 * after for level, after in enumerate(widths)]
        self.up = nn.ModuleList(
            _Double(joined[level], widths[level - 1] if level else width)
            for level in reversed(range(depth))
        )
        self.head = nn.Conv2d(width + 3, 2, 3, padding=1)

    def forward(self, photo: Tensor) -> Tensor:
        """Return log perfusion and keloid logit of ``photo``."""
        photo = 2 * photo - 1
        x, skips = photo, []
        for halve in self.down:
            x = halve(x)
            skips.append(x)
        for level, double in enumerate(self.up):
            x = double(x if level == 0 else torch.cat([x, skips[-1 - level]], dim=1))
        out: Tensor = self.head(torch.cat([nn.functional.relu(x), photo.to(x.dtype)], dim=1))
        return out


class PatchDiscriminator(nn.Module):
    """Photo and log perfusion (N, 4, H, W) → (N, 1, h, w): real (1) or made (0), patch by patch."""

    def __init__(self, width: int = WIDTHS["small"]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(4, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.InstanceNorm2d(2 * width, affine=True),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 4, 2, 1),
            nn.InstanceNorm2d(4 * width, affine=True),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * width, 1, 3, padding=1),
        )

    def forward(self, photo_and_map: Tensor) -> Tensor:
        """Return the judgement on each patch."""
        judged: Tensor = self.layers(photo_and_map)
        return judged


class _Halve(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, *, normalised: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, channels_out, 4, 2, 1)
        self.norm = nn.InstanceNorm2d(channels_out, affine=True) if normalised else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.convolution(nn.functional.leaky_relu(x, 0.2)))
        return y


class _Double(nn.Module):
    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(channels_in, channels_out, 4, 2, 1)
        self.norm = nn.InstanceNorm2d(channels_out, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.convolution(nn.functional.relu(x)))
        return y
