"""Scale out: one training on several processes, of this machine or of a cluster, by Ray Train.

Needs the extra ``training``. Each process runs the whole training; in ``fit`` they average their
gradients (see ``together.py``), so N processes learn from N times the batch.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import ray
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from workers.learning.together import rank
from workers.ray_security import close_ray_metrics, give_ray_a_token

Work = Callable[[Path], object]
"""Trains and writes weights into the folder it is given."""


def train_together(work: Work, weights: Path, *, workers: int, address: str, keep: Path) -> None:
    """Run ``work`` in so many processes; what the first one writes goes into ``weights``.

    ``address`` is a Ray cluster's, or "local". Processes get a GPU each where the cluster has
    enough. On a cluster, ``weights`` and ``keep`` lie on a file system that all nodes share.
    """
    give_ray_a_token(None)
    if address == "local":
        close_ray_metrics()
        # Ray Train asks the dashboard each second whether its controller lives, and complains each
        # second where there is none. It answers this machine only, and asks for the token.
        ray.init(address, dashboard_host="127.0.0.1", _node_ip_address="127.0.0.1")
    else:
        ray.init(address)
    try:
        TorchTrainer(
            lambda _: _work(work, weights),
            train_loop_config={},
            scaling_config=ScalingConfig(num_workers=workers, use_gpu=_gpus() >= workers),
            run_config=RunConfig(name="training", storage_path=str(keep.resolve())),
        ).fit()
    finally:
        ray.shutdown()


def _work(work: Work, weights: Path) -> None:
    if rank() == 0:
        work(weights)
        return
    with tempfile.TemporaryDirectory() as unused:
        work(Path(unused))


def _gpus() -> float:
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return there.get("GPU", 0)
