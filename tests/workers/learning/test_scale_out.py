"""Two real processes of Ray Train: they take the step of one process with twice the batch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from workers.learning.command_line import run_training, training_parser
from workers.learning.training import Schedule, fit

STEPS = 3
CPU = torch.device("cpu")


def draw(rng: np.random.Generator, rows: int = 4) -> tuple[Tensor, ...]:
    x = torch.from_numpy(rng.standard_normal((rows, 3), np.float32))
    return x, x.sum(dim=1, keepdim=True)


def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    x, y = batch
    return nn.functional.mse_loss(network(x).float(), y)


def learn(weights: Path, **_: object) -> None:
    torch.manual_seed(0)
    network = nn.Linear(3, 1)
    fit(network, draw, loss, Schedule(steps=STEPS, seed=7), CPU)
    weights.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), weights / "network.pt")


def of_both(rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Return the batches of both processes in one; ``rng`` is that of the first."""
    step = of_both_steps.pop(0)
    first, second = draw(rng), draw(np.random.default_rng((7, step, 1)))
    return tuple(torch.cat(pair) for pair in zip(first, second, strict=True))


of_both_steps = list(range(STEPS))


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")  # Ray Data warns of its own defaults
def test_two_processes_take_the_steps_of_one_with_both_batches(tmp_path: Path) -> None:
    given = training_parser("layers", steps=STEPS).parse_args(
        ["--workers", "2", "--weights", str(tmp_path / "two"), "--keep", str(tmp_path / "keep")]
    )
    run_training(given, learn)
    torch.manual_seed(0)
    alone = nn.Linear(3, 1)
    fit(alone, of_both, loss, Schedule(steps=STEPS, seed=7), CPU)

    two = torch.load(tmp_path / "two" / "network.pt", weights_only=True)

    torch.testing.assert_close(two, dict(alone.state_dict()), rtol=1e-4, atol=1e-6)
