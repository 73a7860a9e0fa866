"""Start the runtime: ``python -m workers.runtime``."""

from shared.consumer import consume
from shared.db.processes import beat, say_goodbye
from shared.heart import Heart
from shared.logs import configure_logs
from shared.pulse import Pulse
from shared.settings import Settings
from workers.runtime.bootstrap import Runtime, bootstrap
from workers.runtime.cluster import connect, disconnect
from workers.runtime.settings import WorkerSettings

_BEAT_SECONDS = 5.0


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings, worker_settings = Settings(), WorkerSettings()
    configure_logs("worker", settings.log_level)
    connect(worker_settings)
    runtime = bootstrap(settings, worker_settings)
    if worker_settings.warm_up:
        runtime.pool.warm_up(runtime.queues)
    pulse = Pulse(settings.pulse_file)
    with Heart(lambda: _beat(runtime, pulse), _BEAT_SECONDS, "process"):
        consume(
            runtime.broker,
            runtime.queues,
            concurrency=worker_settings.concurrency,
            name="worker",
            stall_seconds=settings.stall_seconds,
        )
    with runtime.database.write() as session:
        say_goodbye(session, "worker")
    disconnect()


def _beat(runtime: Runtime, pulse: Pulse) -> None:
    details = {"queues": runtime.queues, "actors": runtime.pool.describe()}
    with runtime.database.write() as session:
        beat(session, "worker", details)
    pulse.beat()


if __name__ == "__main__":
    main()
