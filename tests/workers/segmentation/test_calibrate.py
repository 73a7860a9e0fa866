import numpy as np

from workers.segmentation.calibrate import choose_thresholds


def test_the_thresholds_are_those_of_greatest_dice() -> None:
    truth = np.zeros((4, 3, 40, 40), np.bool_)
    truth[:, 0, :30] = True  # skin
    truth[:, 1, 5:15, 5:15] = True  # a lesion each, the first two of them keloids
    truth[:2, 2, 5:15, 5:15] = True
    probability = np.zeros(truth.shape, np.float32)
    for head, (high, low) in enumerate(((0.95, 0.8), (0.35, 0.1))):
        probability[:, head] = np.where(truth[:, head], high, low)
    probability[:, 2] = 0.2
    probability[:2, 2] = 0.4

    of_skin, of_lesion, of_keloid = choose_thresholds(probability, truth)

    assert 0.8 <= of_skin < 0.95
    assert 0.1 <= of_lesion < 0.35
    assert 0.2 <= of_keloid < 0.4
