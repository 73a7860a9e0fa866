import pytest
import torch
from torch import nn

from workers.learning.averaging import average


def test_the_average_lies_between_and_its_statistics_are_those_of_the_batches() -> None:
    torch.manual_seed(0)
    convolutions = [nn.Conv2d(1, 2, 1) for _ in range(2)]
    norms = [nn.BatchNorm2d(2) for _ in range(2)]
    network, other = (nn.Sequential(*pair) for pair in zip(convolutions, norms, strict=True))
    first, second = (one.weight.detach().clone() for one in convolutions)
    batches = [torch.rand(8, 1, 4, 4) for _ in range(3)]

    average(network, other.state_dict(), 0.75, batches)

    assert torch.allclose(convolutions[0].weight, 0.75 * first + 0.25 * second)
    seen = convolutions[0](torch.cat(batches)).detach().mean(dim=(0, 2, 3))
    found = norms[0].running_mean
    assert found is not None
    assert found.tolist() == pytest.approx(seen.tolist(), abs=1e-5)
    assert not network.training
