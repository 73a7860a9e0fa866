"""Augmentation: random views and colours of a batch, drawn from a seeded NumPy generator."""

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn


def random_affine(
    rng: np.random.Generator,
    images: Tensor,
    targets: Tensor,
    *,
    size: int,
    view: tuple[float, float],
) -> tuple[Tensor, Tensor]:
    """Return rotated, mirrored, zoomed windows of ``images`` and, alike, of ``targets``.

    Both are (N, C, H, W); the result is ``size`` square. ``view`` is the range of the window's
    side as a share of the image. Beyond the border the image is mirrored.
    """
    count = len(images)
    angle = rng.uniform(0, 2 * np.pi, count)
    scale = np.exp(rng.uniform(np.log(view[0]), np.log(view[1]), count))
    stretch = np.exp(rng.uniform(-0.12, 0.12, count))
    mirror = rng.choice([-1.0, 1.0], count)
    shift = rng.uniform(-1, 1, (count, 2)) * np.clip(1 - scale, 0, None)[:, None]
    sin, cos = np.sin(angle), np.cos(angle)
    wide, high = scale * stretch * mirror, scale / stretch
    theta = np.stack(
        [
            np.stack([wide * cos, -high * sin, shift[:, 0]], axis=1),
            np.stack([wide * sin, high * cos, shift[:, 1]], axis=1),
        ],
        axis=1,
    )
    both = torch.cat([images, targets], dim=1)
    grid = nn.functional.affine_grid(
        torch.from_numpy(theta).float(), [count, both.shape[1], size, size], align_corners=False
    )
    moved = nn.functional.grid_sample(both, grid, padding_mode="reflection", align_corners=False)
    return moved[:, : images.shape[1]], moved[:, images.shape[1] :]


def random_colour(rng: np.random.Generator, images: Tensor) -> Tensor:
    """Return ``images`` (N, 3, H, W) in 0-1 with other exposure, white balance, gamma and noise."""
    count = len(images)
    gain = np.exp(rng.uniform(-0.2, 0.2, (count, 1)) + rng.normal(0, 0.04, (count, 3)))
    gamma = np.exp(rng.uniform(-0.2, 0.2, (count, 1)))
    gains = torch.from_numpy(gain).float()[..., None, None]
    gammas = torch.from_numpy(gamma).float()[..., None, None]
    changed = (images.clamp_min(1e-3) ** gammas) * gains
    grain = rng.standard_normal(changed.shape, np.float32) * np.float32(rng.uniform(0, 0.03))
    return (changed + torch.from_numpy(grain)).clamp(0, 1)


def random_quality(rng: np.random.Generator, images: Tensor) -> Tensor:
    """Return ``images`` (N, 3, H, W) in 0-1 as worse cameras give them.

    One in three each: brighter or darker, of more or less contrast, blurred, as a small JPEG.
    """
    pixels = [one.permute(1, 2, 0).numpy() for one in images]
    worse = np.stack([_worse(rng, one) for one in pixels])
    return torch.from_numpy(worse).permute(0, 3, 1, 2).contiguous()


def through_jpeg(pixels: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    """Return what a JPEG of ``quality`` (1-100) keeps of ``pixels`` (rows, columns, 3), RGB."""
    how = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, packed = cv2.imencode(".jpg", pixels[..., ::-1], how)
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


def _worse(rng: np.random.Generator, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    brighter, contrast, blurred, packed = rng.random(4) < 1 / 3
    if brighter:
        pixels = pixels * np.float32(rng.uniform(0.6, 1.4))
    if contrast:
        pixels = (pixels - pixels.mean()) * np.float32(rng.uniform(0.6, 1.5)) + pixels.mean()
    if blurred:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.5, 4)), np.float32)
    pixels = np.clip(pixels, 0, 1)
    if not packed:
        return np.asarray(pixels, np.float32)
    unpacked = through_jpeg((pixels * 255).round().astype(np.uint8), int(rng.integers(10, 96)))
    return np.asarray(unpacked, np.float32) / np.float32(255)
