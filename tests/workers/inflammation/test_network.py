import numpy as np
import pytest
import torch

from workers.inflammation.model import Inflammation
from workers.inflammation.network import BOX, GRADES, STRIDE, WINDOW, TextureNet, expected_score


def network() -> TextureNet:
    torch.manual_seed(0)
    made = TextureNet()
    for one in made.modules():
        if isinstance(one, torch.nn.BatchNorm2d):
            one.register_buffer("running_mean", 0.1 * torch.randn(one.num_features))
            one.register_buffer("running_var", 0.5 + torch.rand(one.num_features))
    return made.eval()


def test_one_window_gives_one_answer() -> None:
    made = network()
    with torch.inference_mode():
        window, whole = made(torch.zeros(1, 1, WINDOW, WINDOW))
        assert window.shape == whole.shape == (1, GRADES, 1, 1)
        assert made.texture(torch.zeros(1, 1, WINDOW, WINDOW)).shape[-2:] == (BOX, BOX)
        windows, whole = made(torch.zeros(1, 1, WINDOW + STRIDE, WINDOW))
        assert windows.shape[-2:] == (2, 1)
        assert whole.shape == (1, GRADES, 1, 1)


def test_the_dense_map_is_what_each_window_gives_by_itself() -> None:
    made = network()
    pixels = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 1, 275, 300))).float()
    with torch.inference_mode():
        dense, _ = made(pixels)
        for i in range(dense.shape[2]):
            for j in range(dense.shape[3]):
                top, left = STRIDE * i, STRIDE * j
                alone, _ = made(pixels[:, :, top : top + WINDOW, left : left + WINDOW])
                assert torch.allclose(alone[0, :, 0, 0], dense[0, :, i, j], atol=1e-5)


def test_strips_give_the_same_map(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Inflammation(network(), torch.device("cpu"))
    pixels = np.random.default_rng(0).standard_normal((400, 250)).astype(np.float32)
    scores, whole = model.window_scores(pixels)
    monkeypatch.setattr("workers.inflammation.model._STRIP_PIXELS", 250 * 200)
    again, whole_again = model.window_scores(pixels)
    assert again == pytest.approx(scores, abs=1e-5)
    assert whole_again == pytest.approx(whole, abs=1e-5)


def test_smaller_pieces_give_the_same_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.inflammation.model._STRIP_PIXELS", 8 * 250 * 200)
    made, runs = network(), []
    made.texture.register_forward_pre_hook(lambda _network, _given: runs.append(1))
    model = Inflammation(made, torch.device("cpu"))
    pixels = np.random.default_rng(0).standard_normal((400, 250)).astype(np.float32)
    scores, _ = model.window_scores(pixels)
    assert len(runs) == 1
    assert model.in_smaller_pieces().window_scores(pixels)[0] == pytest.approx(scores, abs=1e-5)
    assert len(runs) > 2


def test_the_expected_score_is_the_mean_grade() -> None:
    probability = torch.tensor([0.0, 0.0, 0.7, 0.3, 0.0]) + 1e-9
    assert expected_score(probability.log()[None, :, None, None]).item() == pytest.approx(2.3)
