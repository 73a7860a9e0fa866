import numpy as np

from workers.perfusion.disturbances import DISTURBANCES, disturb
from workers.perfusion.followup import patient
from workers.perfusion.phantom import keloid


def test_treatment_lowers_perfusion_in_the_same_keloid_seen_in_another_light() -> None:
    patients = [patient(seed, 96) for seed in range(6)]

    for one in patients:
        assert np.array_equal(one.before.keloid, one.after.keloid)
        assert not np.array_equal(one.before.photo, one.after.photo)
    means = [
        (
            one.before.perfusion[one.before.keloid].mean(),
            one.after.perfusion[one.after.keloid].mean(),
        )
        for one in patients
    ]
    assert np.mean([after / before for before, after in means]) < 0.9


def test_what_the_photo_tells_is_nearer_to_perfusion_than_chance_and_not_all_of_it() -> None:
    one = keloid(4, 128, with_keloid=True)

    r = np.corrcoef(np.log(one.knowable[one.keloid]), np.log(one.perfusion[one.keloid]))[0, 1]

    assert 0.3 < r < 0.98


def test_every_disturbance_changes_the_photo_and_only_the_angle_moves_the_truth() -> None:
    one = keloid(4, 96, with_keloid=True)

    for name, levels in DISTURBANCES.items():
        worse = disturb(name, levels[-1], one)
        assert not np.array_equal(worse.photo, one.photo), name
        moved = not np.array_equal(worse.keloid, one.keloid)
        assert moved == name.startswith("angle"), name


def test_a_tilted_keloid_is_narrower() -> None:
    one = keloid(4, 96, with_keloid=True)

    flat, tilted = (disturb("angle (degrees)", level, one) for level in (0, 45))

    assert np.array_equal(flat.keloid, one.keloid)
    assert 0.5 < tilted.keloid.sum() / one.keloid.sum() < 0.9
