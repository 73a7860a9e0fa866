"""Consumer: runs a Celery worker inside this process, on threads."""

from celery import Celery

from shared.heart import Heart
from shared.stall import StallGuard


def consume(
    broker: Celery, queues: list[str], *, concurrency: int, name: str, stall_seconds: float
) -> None:
    """Consume ``queues`` until SIGTERM; running tasks are waited for.

    Threads, not processes: a fork would break Ray and database connections. Celery's own time
    limits do not work on threads, so deadlines are kept where the work is done. A consumer that
    lets messages wait for ``stall_seconds`` with nothing to do ends the process.
    """
    guard = StallGuard(broker, queues, stall_seconds)
    with Heart(guard.look, stall_seconds / 4, "stall"):
        broker.worker_main(
            [
                "worker",
                "--pool=threads",
                f"--concurrency={concurrency}",
                f"--queues={','.join(queues)}",
                f"--hostname={name}@%h",
                "--without-gossip",
                "--without-mingle",
                "--loglevel=WARNING",
            ]
        )
