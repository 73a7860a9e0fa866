from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from workers.learning.training import Schedule, fit, has_fast_bfloat16, soft_dice_loss

CPU = torch.device("cpu")


def line(seed: int) -> Iterator[tuple[Tensor, ...]]:
    generator = torch.Generator().manual_seed(seed)
    while True:
        x = torch.rand(32, 1, generator=generator)
        yield x, 3 * x - 1


def squared_error(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    x, y = batch
    error: Tensor = (network(x).float() - y).square().mean()
    return error


def trained(seed: int) -> tuple[nn.Linear, list[float]]:
    torch.manual_seed(seed)
    network = nn.Linear(1, 1)
    schedule = Schedule(steps=120, learning_rate=0.15, seed=seed)
    return network, fit(network, line(seed), squared_error, schedule, CPU)


def test_fitting_finds_a_line() -> None:
    network, losses = trained(0)
    assert len(losses) == 120
    assert losses[-1] < 0.01 * losses[0]
    assert network.weight.item() == pytest.approx(3, abs=0.2)
    assert not network.training


def test_equal_seeds_train_equal_weights() -> None:
    assert torch.equal(trained(1)[0].weight, trained(1)[0].weight)
    assert not torch.equal(trained(1)[0].weight, trained(2)[0].weight)


def test_bfloat16_is_left_alone_where_the_processor_lacks_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    assert not has_fast_bfloat16(CPU)
    assert has_fast_bfloat16(torch.device("cuda"))


def test_soft_dice_is_low_for_a_right_answer_and_high_for_a_wrong_one() -> None:
    target = torch.zeros(1, 1, 8, 8)
    target[..., :4] = 1
    right = soft_dice_loss((target - 0.5) * 40, target)
    wrong = soft_dice_loss((0.5 - target) * 40, target)
    assert right.item() == pytest.approx(0, abs=0.02)
    assert wrong.item() > 0.9
