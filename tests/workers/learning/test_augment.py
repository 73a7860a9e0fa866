import numpy as np
import torch

from workers.learning.augment import random_affine, random_colour, random_quality


def test_image_and_target_are_moved_alike() -> None:
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.random((4, 3, 64, 64), np.float32))

    moved, targets = random_affine(rng, images, images[:, :1], size=48, view=(0.5, 1.1))

    assert moved.shape == (4, 3, 48, 48)
    assert torch.equal(moved[:, :1], targets)
    assert not torch.equal(moved[0, 0], images[0, 0, :48, :48])


def test_colours_stay_in_range_and_are_seeded() -> None:
    images = torch.full((2, 3, 8, 8), 0.5)

    first = random_colour(np.random.default_rng(3), images)

    assert torch.equal(first, random_colour(np.random.default_rng(3), images))
    assert float(first.min()) >= 0
    assert float(first.max()) <= 1
    assert not torch.equal(first, images)


def test_worse_pictures_keep_size_and_range_and_are_seeded() -> None:
    images = torch.from_numpy(np.random.default_rng(0).random((24, 3, 32, 32), np.float32))

    worse = random_quality(np.random.default_rng(5), images)

    assert torch.equal(worse, random_quality(np.random.default_rng(5), images))
    assert worse.shape == images.shape
    assert float(worse.min()) >= 0
    assert float(worse.max()) <= 1
    changed = (worse - images).abs().amax(dim=(1, 2, 3)) > 1e-3
    assert 8 < int(changed.sum()) < 24, "most are changed, and not all"
