"""Strict consumer: lets through the messages we send, and drops every other one.

Whoever can write to Redis can put anything on a queue. Celery 5.7 lets one message of the wrong
shape end the worker, and comes with tasks of its own. What is dropped costs nothing: a job that
still waits is owed its message again.
"""

import json
from queue import Empty
from typing import Any

import structlog
from celery.worker.consumer import Consumer
from kombu.transport.redis import Channel, Transport
from pydantic import ValidationError

from shared.messages import MESSAGES

log = structlog.get_logger()

_LARGEST = 4096
_UNUSED_HEADERS = ("eta", "expires", "group", "chord", "replaced_task_nesting")


class StrictConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Celery's consumer, which only ever sees messages of ours."""

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Any:
        """Return Celery's handler of a message, behind our check."""
        handle = super().create_task_handler(*args, **kwargs)

        def handle_ours(message: Any) -> None:
            if is_ours(message):
                handle(message)
                return
            log.warning("message_refused", code="not-ours", bytes=len(message.body or ""))
            message.reject_log_error(log, self.connection_errors)

        return handle_ours


class StrictChannel(Channel):
    """kombu's Redis channel, which survives an item of a list that is no message at all."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("message_refused", code="no-message", error=type(error).__name__)
            raise Empty from error


class StrictTransport(Transport):
    """kombu's Redis transport with our channel."""

    Channel = StrictChannel


def is_ours(message: Any) -> bool:
    """Say whether ``message`` is one of ``shared.messages`` in Celery's protocol 2, bare."""
    headers, body = message.headers, message.body
    if not isinstance(headers, dict) or not isinstance(body, str | bytes) or len(body) > _LARGEST:
        return False
    task, task_id = headers.get("task"), headers.get("id")
    expected = MESSAGES.get(task) if isinstance(task, str) else None
    if expected is None or not isinstance(task_id, str) or len(task_id) > 64:
        return False
    if message.content_type != "application/json" or any(map(headers.get, _UNUSED_HEADERS)):
        return False
    try:
        arguments, named, embedded = json.loads(body)
        expected.model_validate(named)
    except (ValueError, TypeError, ValidationError):
        return False
    return arguments == [] and isinstance(embedded, dict) and not any(embedded.values())
