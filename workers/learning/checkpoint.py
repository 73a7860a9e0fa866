"""Checkpoints: what a killed training needs to go on where it stopped."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from shared.errors import ConfigurationError


@runtime_checkable
class Stateful(Protocol):
    """A loss that learns, too: its state belongs into the checkpoint."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything that later calls depend on."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from ``state``."""


@dataclass(kw_only=True)
class Checkpoint:
    """The file ``path`` and what it keeps of one training; ``None``: nothing is kept."""

    path: Path | None
    network: nn.Module
    optimizer: torch.optim.Optimizer
    loss: object
    training: str = ""
    """What tells this training from others: see :func:`fingerprint`."""
    losses: list[float] = field(default_factory=list)
    """One a step that was made: their number is the step to go on with."""

    def restore(self) -> None:
        """Go on from the file, if there is one.

        Raises
        ------
        ConfigurationError
            It is of another training: it would go on with that, or do nothing at all.
        """
        if self.path is None or not self.path.is_file():
            return
        kept = torch.load(self.path, map_location="cpu", weights_only=True)
        if kept.get("training") != self.training:
            raise ConfigurationError(
                f"checkpoint {self.path.name} is of another training (data, start, size, seed, "
                "steps): remove it, or name another folder with --keep"
            )
        self.network.load_state_dict(kept["network"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.losses[:] = kept["losses"]
        if isinstance(self.loss, Stateful):
            self.loss.load_state_dict(kept["loss"])

    def save(self) -> None:
        """Write the file (a kill leaves the one before) and, beside it, the curve as CSV."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        written = self.path.with_suffix(".part")
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "losses": self.losses,
            "training": self.training,
            "loss": self.loss.state_dict() if isinstance(self.loss, Stateful) else {},
        }
        torch.save(state, written)
        written.replace(self.path)
        curve = "".join(f"{step},{loss:.6g}\n" for step, loss in enumerate(self.losses, start=1))
        self.path.with_suffix(".csv").write_text(f"step,loss\n{curve}", encoding="utf-8")


def fingerprint(network: nn.Module, batch: Sequence[Tensor], *words: object) -> str:
    """Return what tells a training from others: its first weights, first batch, and ``words``.

    Means of four digits, so that another number of threads makes no other training of it.
    """
    parts = [*network.state_dict().values(), *batch]
    means = [f"{one.double().abs().mean().item():.4g}" for one in parts if one.numel()]
    return " ".join([*map(str, words), *means])
