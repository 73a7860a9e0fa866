"""Settings of the runtime, prefix ``CUTIS_WORKER_``."""

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
