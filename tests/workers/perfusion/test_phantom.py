import numpy as np

from workers.perfusion.phantom import keloid


def test_a_subject_always_looks_the_same() -> None:
    first, again, other = keloid(5, 96), keloid(5, 96), keloid(6, 96)

    assert np.array_equal(first.photo, again.photo)
    assert np.array_equal(first.perfusion, again.perfusion)
    assert not np.array_equal(first.photo, other.photo)


def test_a_keloid_is_perfused_more_than_the_skin_on_average() -> None:
    phantoms = [keloid(subject, 128, with_keloid=True) for subject in range(14)]
    ratios = [
        one.perfusion[one.keloid].mean() / np.median(one.perfusion[~one.keloid]) for one in phantoms
    ]

    assert 1.5 < np.mean(ratios) < 2.6
    assert all(one.perfusion.min() > 0 for one in phantoms)


def test_rho_says_how_much_of_perfusion_the_photo_tells() -> None:
    def redness_r(rho: float) -> float:
        found = []
        for subject in range(6):
            one = keloid(subject, 128, rho=rho, with_keloid=True)
            redness = np.log((one.photo[..., 0] + 8.0) / (one.photo[..., 1] + 8.0))
            inside = one.keloid
            found.append(np.corrcoef(redness[inside], np.log(one.perfusion[inside]))[0, 1])
        return float(np.mean(found))

    assert redness_r(0.3) + 0.1 < redness_r(0.98)


def test_a_phantom_without_a_keloid_has_an_empty_mask() -> None:
    assert not keloid(3, 64, with_keloid=False).keloid.any()
