import numpy as np
import pytest

from workers.layers.boundaries import (
    layer_masks,
    normal_thickness,
    ordered_boundaries,
    per_micrometre,
    protrusions,
    undulation,
)


def certain(labels: np.ndarray) -> np.ndarray:
    probability = np.full((4, *labels.shape), 0.01, np.float32)
    np.put_along_axis(probability, labels[None], 0.97, axis=0)
    return probability


def flat_labels(surface: int, corneum: int, junction: int, shape: tuple[int, int]) -> np.ndarray:
    row = np.repeat(np.arange(shape[0])[:, None], shape[1], axis=1)
    return np.asarray(np.sum([row >= one for one in (surface, corneum, junction)], axis=0))


def test_certain_layers_keep_their_boundaries() -> None:
    found = ordered_boundaries(certain(flat_labels(10, 25, 60, (100, 40))))
    assert (found.surface == 10).all()
    assert (found.corneum_bottom == 25).all()
    assert (found.junction == 60).all()
    assert found.seen.all()


def test_layers_out_of_order_are_put_in_order() -> None:
    labels = flat_labels(10, 25, 60, (100, 40))
    labels[80:84, 10:20] = 1  # a patch of corneum inside the dermis
    labels[2:5, 5:15] = 3  # and of dermis inside the gel
    found = ordered_boundaries(certain(labels))
    assert (found.surface == 10).all()
    assert (found.junction == 60).all()


def test_random_probabilities_give_ordered_masks_that_do_not_overlap() -> None:
    dirichlet = np.random.default_rng(0).dirichlet(np.ones(4), (50, 30)).astype(np.float32)
    found = ordered_boundaries(dirichlet.transpose(2, 0, 1))
    assert (found.surface <= found.corneum_bottom).all()
    assert (found.corneum_bottom <= found.junction).all()
    masks = layer_masks(found)
    assert np.sum(list(masks.values()), axis=0).max() <= 1


def test_each_column_gets_the_best_of_all_orderings() -> None:
    rng = np.random.default_rng(1)
    probability = rng.dirichlet(np.ones(4), 9).T[:, :, None].repeat(5, axis=2).astype(np.float32)
    found = ordered_boundaries(probability)
    logs = np.log(probability[:, :, 0])

    def won(one: int, two: int, three: int) -> float:
        parts = (logs[0, :one], logs[1, one:two], logs[2, two:three], logs[3, three:])
        return float(sum(part.sum() for part in parts))

    best = max(
        won(one, two, three)
        for three in range(10)
        for two in range(three + 1)
        for one in range(two + 1)
    )
    got = won(int(found.surface[0]), int(found.corneum_bottom[0]), int(found.junction[0]))
    assert got == pytest.approx(best)


@pytest.mark.parametrize("thickness", [7.0, 60.0])
def test_flat_layers_have_the_thickness_they_were_given(thickness: float) -> None:
    upper = np.full(400, 30.0)
    assert normal_thickness(upper, upper + thickness) == pytest.approx(thickness, abs=0.01)


def test_a_tilted_layer_is_measured_across_and_not_down() -> None:
    upper = 20 + 0.5 * np.arange(600.0)
    found = normal_thickness(upper, upper + 50)
    inner = found[np.isfinite(found)][100:-100]
    assert len(inner) > 300
    assert inner == pytest.approx(50 / np.hypot(1, 0.5), rel=0.01)


def test_a_normal_that_leaves_the_picture_measures_nothing() -> None:
    upper = 200 - 0.5 * np.arange(300.0)
    assert np.isnan(normal_thickness(upper, upper + 50)[-1])


def sine(amplitude: float, wavelength: float) -> np.ndarray:
    return 100 + amplitude * np.sin(2 * np.pi * np.arange(1200.0) / wavelength)


def test_a_sine_junction_undulates_as_its_arc_length_says() -> None:
    x = np.linspace(0, 1, 200_001)
    slope = 2 * np.pi * 20 / 120 * np.cos(2 * np.pi * x)
    ratio = np.hypot(1, slope).mean()
    assert undulation(sine(20, 120)) == pytest.approx(ratio, rel=0.02)


def test_whole_rows_count_little_as_relief() -> None:
    smooth = undulation(sine(20, 120))
    assert undulation(np.ceil(sine(20, 120))) == pytest.approx(smooth, rel=0.02)
    assert undulation(np.round(100 + np.arange(1200.0) * 0.03)) == pytest.approx(1, abs=0.01)


def test_a_tilted_or_curved_flat_junction_does_not_undulate() -> None:
    column = np.arange(1200.0)
    assert undulation(80 + 0.2 * column) == pytest.approx(1, abs=0.001)
    assert undulation(80 + 1e-4 * (column - 600) ** 2) == pytest.approx(1, abs=0.001)


def test_buds_are_found_where_they_are() -> None:
    column = np.arange(1200.0)
    junction = np.full(1200, 100.0)
    for centre, depth in ((300, 60), (800, 40), (1000, 8)):
        junction += depth * np.exp(-0.5 * ((column - centre) / 20) ** 2)
    found = protrusions(junction)
    assert [one.column for one in found] == pytest.approx([300, 800], abs=3)
    assert [one.depth for one in found] == pytest.approx([60, 40], abs=3)
    assert protrusions(np.full(1200, 100.0)) == ()


def test_lines_are_resampled_to_micrometres_on_both_axes() -> None:
    line = per_micrometre(np.arange(50.0), row_um=2.0, column_um=4.0)
    assert len(line) == 49 * 4 + 1
    assert line[100] == pytest.approx(50.0)
