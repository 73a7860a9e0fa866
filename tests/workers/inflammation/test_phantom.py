import numpy as np

from workers.inflammation.phantom import field


def test_one_seed_draws_one_field() -> None:
    one, two = (field(3, rows=96, columns=128) for _ in range(2))
    assert one.pixels.shape == one.score.shape == (96, 128)
    assert np.array_equal(one.pixels, two.pixels)
    assert np.array_equal(one.score, two.score)
    assert not np.array_equal(one.pixels, field(4, rows=96, columns=128).pixels)


def test_scores_stay_within_the_scale_and_vary() -> None:
    fields = [field(seed, rows=96, columns=96) for seed in range(20)]
    assert all(one.score.min() >= 0 and one.score.max() <= 4 for one in fields)
    means = [one.score.mean() for one in fields]
    assert min(means) < 1
    assert max(means) > 3


def test_a_given_score_holds_everywhere() -> None:
    assert (field(1, rows=64, columns=64, score=2.5).score == 2.5).all()


def test_inflammation_fills_the_dark_spaces_of_the_honeycomb() -> None:
    def blotches(score: float) -> float:
        """Share of the variance that is coarser than a cell border."""
        shares = []
        for seed in range(12):
            pixels = field(seed, rows=192, columns=192, score=score).pixels.astype(float)
            coarse = pixels.reshape(24, 8, 24, 8).mean(axis=(1, 3))
            shares.append(coarse.var() / pixels.var())
        return float(np.mean(shares))

    assert blotches(4.0) > blotches(0.0)
