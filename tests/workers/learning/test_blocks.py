import pytest
import torch

from workers.learning.blocks import UNet


@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (32, 80)])
def test_a_unet_answers_every_pixel_with_every_class(rows: int, columns: int) -> None:
    network = UNet(channels=2, classes=3, base=4, depth=3).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 2, rows, columns)).shape == (2, 3, rows, columns)


def test_every_weight_of_a_unet_takes_part() -> None:
    network = UNet(channels=1, classes=2, base=4, depth=2)
    network(torch.randn(2, 1, 16, 16)).square().sum().backward()
    idle = [
        name
        for name, one in network.named_parameters()
        if one.grad is None or not one.grad.abs().sum() > 0
    ]
    assert idle == []
