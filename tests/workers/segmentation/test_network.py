import pytest
import torch

from workers.segmentation.model import compact
from workers.segmentation.network import CropClassifier, DeepLab


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (96, 128)])
def test_deeplab_keeps_the_size_of_its_input(rows: int, columns: int) -> None:
    with torch.inference_mode():
        assert DeepLab().eval()(torch.rand(1, 3, rows, columns)).shape == (1, 3, rows, columns)


def test_deeplab_is_small() -> None:
    assert 1e6 < sum(one.numel() for one in DeepLab().parameters()) < 2.5e6


def test_the_classifier_gives_one_logit_a_crop() -> None:
    with torch.inference_mode():
        assert CropClassifier().eval()(torch.rand(3, 3, 112, 112)).shape == (3,)


def test_compact_weights_load_back_into_float32() -> None:
    network = CropClassifier().eval()
    other = CropClassifier().eval()
    other.load_state_dict(compact(network.state_dict()))
    crop = torch.rand(1, 3, 112, 112)

    assert {one.dtype for one in other.parameters()} == {torch.float32}
    with torch.inference_mode():
        assert torch.allclose(network(crop), other(crop), atol=5e-3)
