from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shared.errors import ConfigurationError
from workers.learning.training import Batch, Schedule, fit, has_fast_bfloat16, soft_dice_loss

CPU = torch.device("cpu")


def line(rng: np.random.Generator) -> Batch:
    x = torch.from_numpy(rng.random((32, 1))).float()
    return x, 3 * x - 1


def squared_error(network: nn.Module, batch: Batch) -> Tensor:
    x, y = batch
    error: Tensor = (network(x).float() - y).square().mean()
    return error


def trained(seed: int) -> tuple[nn.Linear, list[float]]:
    torch.manual_seed(seed)
    network = nn.Linear(1, 1)
    schedule = Schedule(steps=120, learning_rate=0.15, seed=seed)
    return network, fit(network, line, squared_error, schedule, CPU)


def test_fitting_finds_a_line() -> None:
    network, losses = trained(0)
    assert len(losses) == 120
    assert losses[-1] < 0.01 * losses[0]
    assert network.weight.item() == pytest.approx(3, abs=0.2)
    assert not network.training


def test_equal_seeds_train_equal_weights() -> None:
    assert torch.equal(trained(1)[0].weight, trained(1)[0].weight)
    assert not torch.equal(trained(1)[0].weight, trained(2)[0].weight)


def test_a_training_that_was_killed_ends_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    kept, schedule = tmp_path / "line.checkpoint", Schedule(steps=60, seed=3, report_every=20)

    def killed(network: nn.Module, batch: Batch) -> Tensor:
        if kept.exists():
            raise KeyboardInterrupt
        return squared_error(network, batch)

    networks = []
    for _ in range(3):
        torch.manual_seed(3)
        networks.append(nn.Linear(1, 1))
    whole = fit(networks[0], line, squared_error, schedule, CPU)
    with pytest.raises(KeyboardInterrupt):
        fit(networks[1], line, killed, schedule, CPU, kept=kept)
    again = fit(networks[2], line, squared_error, schedule, CPU, kept=kept)

    assert again == whole
    assert torch.equal(networks[0].weight, networks[2].weight)
    assert not torch.equal(networks[1].weight, networks[2].weight)
    assert len(kept.with_suffix(".csv").read_text().splitlines()) == 1 + len(whole)


@pytest.mark.parametrize("other", ["data", "start", "seed", "steps"])
def test_a_checkpoint_of_another_training_is_not_gone_on_with(tmp_path: Path, other: str) -> None:
    kept = tmp_path / "line.checkpoint"
    schedule = Schedule(steps=20, seed=3, report_every=20)
    torch.manual_seed(5)
    fit(nn.Linear(1, 1), line, squared_error, schedule, CPU, kept=kept)
    torch.manual_seed(5)
    same = nn.Linear(1, 1)
    if other == "seed":
        schedule = replace(schedule, seed=4)
    if other == "steps":
        schedule = replace(schedule, steps=40)

    def steeper(rng: np.random.Generator) -> Batch:
        x, y = line(rng)
        return x, 2 * y

    start = trained(0)[0] if other == "start" else same
    draw = steeper if other == "data" else line
    with pytest.raises(ConfigurationError, match="another training"):
        fit(start, draw, squared_error, schedule, CPU, kept=kept)


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
