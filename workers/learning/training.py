"""Training: the one loop that every model is trained with."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
import torch
from torch import Tensor, nn

from workers.learning.checkpoint import Checkpoint, fingerprint
from workers.learning.together import average_gradients, rank

Batch = tuple[Tensor, ...]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long and how fast to train: AdamW, 5 % linear warm-up, then polynomial decay."""

    steps: int
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    seed: int = 0
    report_every: int = 50


def default_device() -> torch.device:
    """Return the GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether ``device`` computes in bfloat16; a CPU without it emulates, ten times slower."""
    return device.type != "cpu" or bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def fit(
    network: nn.Module,
    draw: Callable[[np.random.Generator], Batch],
    loss: Callable[[nn.Module, Batch], Tensor],
    schedule: Schedule,
    device: torch.device,
    *,
    kept: Path | None = None,
) -> list[float]:
    """Train ``network`` in place on batches from ``draw``; return the loss per step.

    ``loss`` runs under bfloat16 autocast where that is fast, and returns a scalar; compute it in
    float32 where precision matters. Batches are moved to ``device`` in channels-last layout.

    Every step has a seed of its own. So a training that was killed goes on from the file ``kept``,
    which is written at each report, and ends as if it had never stopped. Processes that train
    together (see ``together.py``) draw other batches and take the same steps.

    Raises
    ------
    ConfigurationError
        ``kept`` is of another training.
    """
    process = rank()
    network.to(device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    checkpoint = Checkpoint(path=kept, network=network, optimizer=optimizer, loss=loss)
    if kept is not None:
        first = draw(_generator(schedule.seed, 0, 0))
        checkpoint.training = fingerprint(network, first, schedule.seed, schedule.steps)
    checkpoint.restore()
    losses = checkpoint.losses
    for step in range(len(losses), schedule.steps):
        torch.manual_seed((schedule.seed << 32) + step)
        batch = tuple(
            _to_device(one, device) for one in draw(_generator(schedule.seed, step, process))
        )
        for group in optimizer.param_groups:
            group["lr"] = schedule.learning_rate * _pace(step, schedule)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_fast_bfloat16(device)):
            value = loss(network, batch)
        optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        average_gradients(network)
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        losses.append(float(value.detach()))
        if (step + 1) % schedule.report_every == 0 and process == 0:
            recent = losses[-schedule.report_every :]
            log.info(
                "training", step=step + 1, steps=schedule.steps, loss=sum(recent) / len(recent)
            )
            checkpoint.save()
    network.eval()
    return losses


def soft_dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return 1 - soft Dice of sigmoid(``logits``) against ``target`` in {0, 1}, batch-pooled.

    Both are (N, C, H, W); the mean is over C, so an empty mask in one image does no harm.
    """
    probability = torch.sigmoid(logits.float())
    overlap = (probability * target).sum(dim=(0, 2, 3))
    total = probability.sum(dim=(0, 2, 3)) + target.sum(dim=(0, 2, 3))
    return 1 - ((2 * overlap + 1) / (total + 1)).mean()


def _pace(step: int, schedule: Schedule) -> float:
    warm_up = max(1, schedule.steps // 20)
    return min((step + 1) / warm_up, math.pow(1 - step / schedule.steps, 0.9))


def _generator(seed: int, step: int, process: int) -> np.random.Generator:
    return np.random.default_rng((seed, step, process) if process else (seed, step))


def _to_device(tensor: Tensor, device: torch.device) -> Tensor:
    layout = torch.channels_last if tensor.ndim == 4 else torch.preserve_format
    return tensor.to(device, memory_format=layout, non_blocking=True)
