"""Together: several processes that train one network, each on batches of its own.

After each step's backward pass the gradients are averaged, so that all processes take the same
step: that of one process with so many times the batch. Alone, nothing of this does anything.
"""

import torch
from torch import distributed, nn


def rank() -> int:
    """Return the number of this process among those that train together; the first is 0."""
    return distributed.get_rank() if _are_several() else 0


def average_gradients(network: nn.Module) -> None:
    """Replace each gradient of ``network`` by its mean over all processes."""
    if not _are_several():
        return
    gradients = [one.grad for one in network.parameters() if one.grad is not None]
    flat = torch.cat([one.flatten() for one in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    start = 0
    for one in gradients:
        one.copy_(flat[start : start + one.numel()].view_as(one))
        start += one.numel()


def _are_several() -> bool:
    return bool(distributed.is_available() and distributed.is_initialized())
