"""Consumer: runs a Celery worker inside this process, on threads."""

from celery import Celery


def consume(broker: Celery, queues: list[str], *, concurrency: int, name: str) -> None:
    """Consume ``queues`` until SIGTERM; running tasks are waited for.

    Threads, not processes: a fork would break Ray and database connections. Celery's own time
    limits do not work on threads, so deadlines are kept where the work is done.
    """
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
