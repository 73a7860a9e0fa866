"""Crew: a Ray cluster of several nodes, and more workers than ``cutis up`` starts."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
from ray.cluster_utils import Cluster

ACTORS_ON_A_NODE = 2
"""The third actor has to go to another node. Ray gives a node whole CPUs, of which there is one."""


class Nodes:
    """A head without a CPU, to which drivers connect, and nodes that come and go."""

    def __init__(self, folder: Path) -> None:
        # Not on loopback, where drivers do not find a cluster; the token guards it.
        head = {"num_cpus": 0, "temp_dir": str(folder), "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._nodes: list[Any] = []

    @property
    def address(self) -> str:
        """Where workers join (``CUTIS_WORKER_RAY_ADDRESS``)."""
        return str(self._cluster.address)

    def add(self) -> None:
        """Start one more node."""
        self._nodes.append(self._cluster.add_node(num_cpus=1))

    def remove(self, *, graceful: bool) -> None:
        """End the oldest node, by SIGTERM or by SIGKILL."""
        self._cluster.remove_node(self._nodes.pop(0), allow_graceful=graceful)

    def count(self) -> int:
        """Return how many nodes run actors now."""
        return len(self._with_actors())

    def close(self) -> None:
        """End what still runs."""
        self._cluster.shutdown()  # type: ignore[no-untyped-call]

    def _with_actors(self) -> set[int]:
        parents = set()
        for one in psutil.Process().children(recursive=True):
            try:
                if one.cmdline()[:1] and one.cmdline()[0].startswith("ray::ModelActor"):
                    parents.add(one.ppid())
            except psutil.NoSuchProcess:
                continue
        return parents


class Workers:
    """Workers beside the one of a running pipeline, each as that one was started."""

    def __init__(self, supervised: int) -> None:
        first = psutil.Process(supervised)
        self._environment, self._folder = first.environ(), first.cwd()
        self._workers: list[subprocess.Popen[bytes]] = []

    def add(self) -> None:
        """Start one more worker."""
        command = [sys.executable, "-m", "workers.runtime"]
        self._workers.append(
            subprocess.Popen(
                command,
                env=self._environment,
                cwd=self._folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    def remove(self, by: signal.Signals) -> int:
        """End the oldest worker; return its exit status."""
        worker = self._workers.pop(0)
        worker.send_signal(by)
        return worker.wait(120)

    def close(self) -> None:
        """End what still runs."""
        for one in self._workers:
            one.terminate()
        for one in self._workers:
            one.wait(120)
