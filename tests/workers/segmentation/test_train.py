import torch

from workers.segmentation.network import HEADS
from workers.segmentation.train import segmenter_loss


def test_what_nobody_drew_teaches_nothing() -> None:
    logits = torch.zeros(1, len(HEADS), 8, 8, requires_grad=True)
    known = torch.tensor([0.0, 1.0, 0.0])[None, :, None, None]
    network = torch.nn.Identity()

    segmenter_loss(network, (logits, torch.zeros(1, len(HEADS), 8, 8), known)).backward()  # type: ignore[no-untyped-call]

    assert logits.grad is not None
    assert logits.grad[:, 1].abs().sum() > 0
    assert not logits.grad[:, [0, 2]].any()
