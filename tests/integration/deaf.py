"""A consumer that stops listening as soon as it is ready: ``python -m tests.integration.deaf URL``.

It lives and stays connected, as one that came out of a restart of Redis deaf. Prints a line then.
"""

import sys
from typing import Any

from celery.signals import worker_ready

from shared.broker import make_broker
from shared.consumer import consume
from shared.messages import WRITER_QUEUE
from shared.settings import Settings


def main(redis_url: str) -> None:
    def go_deaf(sender: Any, **_: object) -> None:
        sender.task_consumer.cancel()
        sys.stdout.write("deaf\n")
        sys.stdout.flush()

    worker_ready.connect(go_deaf, weak=False)
    broker = make_broker(Settings(redis_url=redis_url))
    consume(broker, [WRITER_QUEUE], concurrency=1, name="deaf", stall_seconds=1)


if __name__ == "__main__":
    main(sys.argv[1])
