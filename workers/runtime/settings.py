"""Settings of the runtime, prefix ``CUTIS_WORKER_``."""

import os
import secrets
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class WorkerSettings(BaseSettings):
    """Where Ray is, how large an actor is, and how many jobs run side by side.

    ``actor_memory_bytes`` bounds each actor on a CPU (0: no bound): what decodes an image, and
    reads it, fails beyond that and not the machine. On a GPU the container's limit has to do.
    """

    model_config = SettingsConfigDict(env_prefix="CUTIS_WORKER_", frozen=True)

    ray_address: str = ""  # empty: a Ray of our own on this machine
    ray_token_file: Path | None = None  # what a cluster by address asks for
    ray_temp_dir: Path | None = None
    ray_num_cpus: int | None = None
    object_store_bytes: int = Field(default=100_000_000, ge=80_000_000)
    models: tuple[str, ...] = ()  # empty: every model of the catalogue
    concurrency: int = Field(default=2, ge=1)
    actor_cpus: float = Field(default=0.25, gt=0)
    actor_gpus: float = Field(default=0.0, ge=0)
    actor_memory_bytes: int = Field(default=8 * 2**30, ge=0)
    threads_per_actor: int = Field(default=2, ge=1)
    start_seconds: float = Field(default=180.0, gt=0)
    deadline_seconds: float | None = None  # None: what the model's spec says
    warm_up: bool = True


def have_ray_ask_for_tokens() -> None:
    """Turn Ray's authentication on, unless the site has decided; call before Ray is imported."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")


def give_ray_a_token(token_file: Path | None) -> None:
    """Let Ray show, and ask for, the token in ``token_file``, else one that only we know.

    Ray runs whatever it is sent, so its token is worth as much as this user's account. A token
    that Ray's own variables name already stays. Call this before ``ray.init``.
    """
    if {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}.isdisjoint(os.environ):
        if token_file is not None:
            os.environ["RAY_AUTH_TOKEN_PATH"] = str(token_file)
        else:
            # Otherwise Ray would make one in the home folder, open to every reader of that folder.
            os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def close_ray_metrics() -> None:
    """Keep two of Ray's processes from telling figures to whoever asks; call before ``ray.init``.

    Ray 2.60 has no setting to leave them out, and gives them fixed ports. On a port that cannot
    be, they say so in their own log and go on without.
    """
    os.environ |= dict.fromkeys(("DASHBOARD_METRIC_PORT", "AUTOSCALER_METRIC_PORT"), "-1")
