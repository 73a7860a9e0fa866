"""Averaging: one network between two on the same path of training, often better than both.

Stochastic weight averaging, Izmailov et al., UAI 2018 (arXiv:1803.05407): it does what the end of
a learning-rate schedule does, without the steps.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn


def average(
    network: nn.Module, other: Mapping[str, Tensor], share: float, batches: Iterable[Tensor]
) -> None:
    """Keep ``share`` of ``network`` and take the rest from the state ``other``, in place.

    The statistics of batch normalisation belong to neither: they are measured anew on
    ``batches`` of inputs.
    """
    state = network.state_dict()
    network.load_state_dict(
        {
            name: torch.lerp(other[name].to(value.dtype), value, share)
            if value.is_floating_point()
            else value
            for name, value in state.items()
        }
    )
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean over all batches
    with torch.no_grad():
        for batch in batches:
            network(batch)
    network.eval()
