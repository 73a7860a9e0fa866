"""Network: a U-Net that names the layer of every pixel."""

from workers.catalog import Size
from workers.learning.blocks import UNet

CLASSES = 4
"""Gel or air, stratum corneum, viable epidermis, dermis: the label is the index."""

MULTIPLE = 16
"""Rows and columns must be multiples of this: the U-Net halves them four times."""


_CHANNELS: dict[Size, int] = {"small": 12, "full": 64}
"""Of the first block; 64 as published (Ronneberger et al., MICCAI 2015)."""


def build(size: Size = "small") -> UNet:
    """Return the untrained network: (N, 1, H, W) in about -1..1 → (N, 4, H, W) logits."""
    return UNet(channels=1, classes=CLASSES, base=_CHANNELS[size], depth=4)
