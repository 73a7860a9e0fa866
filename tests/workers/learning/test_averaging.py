import pytest
import torch
from torch import nn

from workers.learning.averaging import average


def test_the_average_lies_between_and_its_statistics_are_those_of_the_batches() -> None:
    torch.manual_seed(0)
    network, other = (nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)) for _ in range(2))
    first, second = network[0].weight.detach().clone(), other[0].weight.detach().clone()
    batches = [torch.rand(8, 1, 4, 4) for _ in range(3)]

    average(network, other.state_dict(), 0.75, batches)

    assert torch.allclose(network[0].weight, 0.75 * first + 0.25 * second)
    seen = network[0](torch.cat(batches)).detach()
    found = network[1].running_mean
    assert found.tolist() == pytest.approx(seen.mean(dim=(0, 2, 3)).tolist(), abs=1e-5)
    assert not network.training
