import numpy as np
import pytest

from workers.layers.phantom import section, stack


def test_one_seed_draws_one_section() -> None:
    one, two = (section(3, rows=200, columns=160) for _ in range(2))
    assert np.array_equal(one.pixels, two.pixels)
    assert np.array_equal(one.junction, two.junction)
    assert not np.array_equal(one.pixels, section(4, rows=200, columns=160).pixels)


@pytest.mark.parametrize("size", [1.0, 2.0])
def test_labels_agree_with_the_boundaries(size: float) -> None:
    one = section(5, rows=240, columns=200, micrometres_per_pixel=size)
    assert one.pixels.shape == one.labels.shape == (240, 200)
    row = np.arange(240)[:, None]
    assert np.array_equal(one.labels >= 1, row >= one.surface)
    assert np.array_equal(one.labels >= 2, row >= one.corneum_bottom)
    assert np.array_equal(one.labels == 3, row >= one.junction)
    assert (one.surface < one.corneum_bottom).all()
    assert (one.corneum_bottom < one.junction).all()


def test_the_corneum_is_drawn_brighter_than_gel_and_epidermis() -> None:
    for seed in range(4):
        one = section(seed, rows=300, columns=300)
        gel, corneum, epidermis = (one.pixels[one.labels == k].mean() for k in (0, 1, 2))
        assert corneum > epidermis
        assert corneum > gel


def test_a_coarser_section_shows_the_same_layers() -> None:
    fine = section(6, rows=400, columns=400)
    coarse = section(6, rows=200, columns=200, micrometres_per_pixel=2.0)
    # Pixel centres: row 0.5 of the coarse picture is row 1.5 of the fine one.
    assert (
        np.abs((coarse.junction + 0.5) * 2 - 0.5 - fine.junction.reshape(-1, 2).mean(1)).max() < 1
    )


def test_frames_of_a_stack_change_slowly() -> None:
    frames = stack(7, frames=5, rows=128, columns=128)
    step = np.abs(frames[1].junction - frames[0].junction).max()
    whole = np.abs(frames[-1].junction - frames[0].junction).max()
    assert step < 0.5 * whole
    assert not np.array_equal(frames[0].pixels, frames[1].pixels)
