"""Cluster: the connection to Ray, local by default, a cluster by address."""

from typing import Any

import ray

from workers.ray_security import close_ray_metrics, give_ray_a_token
from workers.runtime.settings import WorkerSettings


def connect(settings: WorkerSettings) -> None:
    """Start a local Ray, or join the one at ``ray_address``; either asks for a token.

    Never call this before a fork: a Ray connection does not survive one, and hangs in silence.
    """
    give_ray_a_token(settings.ray_token_file)
    options: dict[str, Any] = {"namespace": "cutis", "log_to_driver": False}
    if settings.ray_address:
        options["address"] = settings.ray_address
    else:
        options |= {
            "address": "local",
            "include_dashboard": False,
            "_node_ip_address": "127.0.0.1",
            # Its port would tell anybody, without a token, what runs here.
            "_system_config": {"enable_metrics_collection": False},
            "num_cpus": settings.ray_num_cpus,
            "object_store_memory": settings.object_store_bytes,
        }
        if settings.ray_temp_dir is not None:
            options["_temp_dir"] = str(settings.ray_temp_dir)
        close_ray_metrics()
    ray.init(configure_logging=False, **options)


def disconnect() -> None:
    """Leave Ray; a local one ends."""
    ray.shutdown()
