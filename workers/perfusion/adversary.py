"""Adversary: the pix2pix objective, as one loss that also teaches the discriminator."""

from typing import Any

import torch
from torch import Tensor, nn

from workers.learning.together import average_gradients
from workers.learning.training import soft_dice_loss
from workers.perfusion.network import PatchDiscriminator

_KELOID_WEIGHT = 3.0
_ADVERSARIAL_WEIGHT = 0.02
_ALONE = 0.3
"""Share of the steps before the adversary joins: it has nothing to teach before the map is near."""


class AdversarialLoss:
    """L1 on log perfusion, masks by Dice and cross-entropy, and a least-squares GAN on top.

    With ``alone`` at 1 the adversary never joins: that trains the generator's L1 twin. Called once
    a step with the generator and (photo, log perfusion, keloid); each call first teaches the
    discriminator, then returns the generator's loss.
    """

    def __init__(
        self, discriminator: PatchDiscriminator, steps: int, *, alone: float = _ALONE
    ) -> None:
        self._discriminator = discriminator
        self._optimizer = torch.optim.AdamW(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self._alone = int(alone * steps)
        self._step = 0

    def __call__(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the generator's loss on ``batch``."""
        photo, truth, keloid = batch
        out = network(photo).float()
        made, logits = out[:, :1], out[:, 1:]
        weight = 1 + (_KELOID_WEIGHT - 1) * keloid
        loss: Tensor = (weight * (made - truth).abs()).sum() / weight.sum()
        entropy = nn.functional.binary_cross_entropy_with_logits(logits, keloid)
        loss = loss + 0.5 * (entropy + soft_dice_loss(logits, keloid))
        self._step += 1
        if self._step > self._alone:
            # The two networks take turns; autocast's weight cache would show the generator a
            # discriminator one step old.
            with torch.autocast(photo.device.type, enabled=False):
                self._teach(photo, truth, made.detach())
                judged = self._discriminator(torch.cat([photo, made], dim=1))
                loss = loss + _ADVERSARIAL_WEIGHT * (judged - 1).square().mean()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return discriminator, its optimizer and the step: what a checkpoint keeps."""
        return {
            "discriminator": self._discriminator.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self._step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from ``state``."""
        self._discriminator.load_state_dict(state["discriminator"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._step = int(state["step"])

    def _teach(self, photo: Tensor, truth: Tensor, made: Tensor) -> None:
        real = self._discriminator(torch.cat([photo, truth], dim=1))
        fake = self._discriminator(torch.cat([photo, made], dim=1))
        loss = 0.5 * ((real - 1).square().mean() + fake.square().mean())
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(self._discriminator)
        self._optimizer.step()
