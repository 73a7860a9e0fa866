import pytest
import torch
from torch import Tensor, nn

from workers.perfusion.adversary import AdversarialLoss
from workers.perfusion.network import Generator, PatchDiscriminator


@pytest.mark.parametrize(("rows", "columns"), [(256, 256), (128, 192)])
def test_the_generator_keeps_the_size_and_gives_map_and_mask(rows: int, columns: int) -> None:
    with torch.inference_mode():
        assert Generator().eval()(torch.rand(1, 3, rows, columns)).shape == (1, 2, rows, columns)


def test_the_discriminator_judges_patches() -> None:
    with torch.inference_mode():
        judged = PatchDiscriminator().eval()(torch.rand(2, 4, 64, 64))

    assert judged.shape == (2, 1, 8, 8)


def test_the_adversary_joins_late_and_learns_only_then() -> None:
    torch.manual_seed(0)
    judge = PatchDiscriminator()
    before = _first(judge)
    loss = AdversarialLoss(judge, steps=10)  # alone for three steps
    generator = Generator(width=4)
    batch = (torch.rand(1, 3, 128, 128), torch.rand(1, 1, 128, 128), torch.ones(1, 1, 128, 128))

    for _ in range(3):
        loss(generator, batch)
    assert torch.equal(_first(judge), before)

    loss(generator, batch).backward()  # type: ignore[no-untyped-call]
    assert not torch.equal(_first(judge), before)
    assert all(one.grad is not None for one in generator.head.parameters())


def _first(network: nn.Module) -> Tensor:
    return next(network.parameters()).detach().clone()
