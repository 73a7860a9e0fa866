"""Broker: the Celery app, with the settings that do not lose work.

The broker is a doorbell: it may lose, repeat and reorder messages. Jobs are claimed in the
database, so a repeated message ends in milliseconds and a lost one is owed again.
"""

from celery import Celery

from shared.settings import Settings


def make_broker(settings: Settings) -> Celery:
    """Return the Celery app of one process; JSON only, no result backend."""
    app = Celery("cutis", broker=settings.broker_url(), set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        # A task that dies with its worker goes back to the queue at once; the claim in the
        # database counts attempts, so a poison job is parked instead of looping.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_publish_retry=False,
        # Ray replaces sys.stdout.fileno(), which Celery's LoggingProxy lacks.
        worker_redirect_stdouts=False,
        worker_hijack_root_logger=False,
        worker_consumer="shared.strict_consumer:StrictConsumer",
        broker_transport="shared.strict_consumer:StrictTransport",
        # Whoever can write to Redis could stop or reconfigure workers with it.
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=5,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_transport_options={
            "visibility_timeout": 3600,
            "socket_timeout": 5,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "global_keyprefix": settings.redis_key_prefix,
        },
    )
    return app


def publish(app: Celery, task: str, queue: str, payload: dict[str, object]) -> None:
    """Send ``payload`` as the keyword arguments of ``task``; raises at once if it cannot."""
    app.send_task(task, kwargs=payload, queue=queue, retry=False)
