"""Network: a texture CNN that grades every window of an image in one pass.

T-CNN-3 (Andrearczyk & Whelan, Pattern Recognition Letters 2016;84:63): three convolutions, then an
energy layer, the mean of the last feature maps over a window, so that texture counts and place
does not. Here the convolutions have no padding, the energy layer is a box filter and the fully
connected layers are 1x1 convolutions: running the network on a whole image gives exactly what it
would give on each window cut out by itself.

A second head grades the field as a whole from the mean energy of all windows. Each window holds
few cells, so each score leans towards the middle of the scale, and so does their mean: the field's
score is a line through both, fitted on other fields.
"""

import torch
from torch import Tensor, nn

from workers.catalog import Size

GRADES = 5
"""Grades 0 to 4: the grade is the index."""

_WIDTHS: dict[Size, tuple[int, int, int]] = {"small": (32, 64, 96), "full": (96, 256, 384)}
"""Channels of the three convolutions, the last a window's energies; full as T-CNN-3 has them."""

STRIDE = 16
"""Pixels from one window to the next."""

BOX = 6
"""Side of the energy layer's box, in cells of the last feature map."""

WINDOW = 99 + STRIDE * (BOX - 1)
"""Side of a window in pixels: the last feature map sees 99 pixels."""


class TextureNet(nn.Module):
    """(N, 1, H, W) normalised pixels → (N, 5, h, w) logits of windows, (N, 5, 1, 1) of fields.

    ``h = (H - WINDOW) // STRIDE + 1``; window (i, j) starts at pixel (16 i, 16 j).
    """

    def __init__(self, size: Size = "small") -> None:
        super().__init__()
        first, second, self.features = _WIDTHS[size]
        self.texture = nn.Sequential(
            _convolution(1, first, 11, stride=4),
            nn.MaxPool2d(3, 2),
            _convolution(first, second, 5),
            nn.MaxPool2d(3, 2),
            _convolution(second, self.features, 3),
        )
        self.energy = nn.AvgPool2d(BOX, stride=1)
        self.grade = _grades(self.features)
        self.whole = _grades(self.features)
        self.register_buffer("line", torch.tensor([0.0, 1.0, 0.0]))
        self.line: Tensor

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of every window and of the whole of ``x``."""
        energies = self.energies(x)
        return self.grade(energies), self.whole(energies.mean((2, 3), keepdim=True))

    def field_score(self, whole: float, windows: float) -> float:
        """Return the score of a field, 0..4, from that of its second head and its windows' mean.

        Expected grades lean to the middle of the scale; ``line`` (offset, weight of either),
        fitted on fields unseen, sets that right.
        """
        offset, of_whole, of_windows = self.line.tolist()
        return float(min(max(offset + of_whole * whole + of_windows * windows, 0.0), GRADES - 1.0))

    def energies(self, x: Tensor) -> Tensor:
        """Return the (N, features, h, w) texture energies of every window of ``x``."""
        energies: Tensor = self.energy(self.texture(x))
        return energies


def expected_score(logits: Tensor) -> Tensor:
    """Return the expectation of the grade, 0..4: (N, 5, h, w) → (N, h, w) float32."""
    grades = torch.arange(GRADES, dtype=torch.float32, device=logits.device)
    return (logits.float().softmax(dim=1) * grades[:, None, None]).sum(dim=1)


def _grades(features: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(features, 128, 1), nn.ReLU(inplace=True), nn.Conv2d(128, GRADES, 1)
    )


def _convolution(channels_in: int, channels_out: int, side: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, side, stride, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )
