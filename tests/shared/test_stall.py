from collections.abc import Iterator

import pytest
from celery import Celery
from celery.signals import task_postrun, task_prerun

from shared.broker import make_broker, publish
from shared.settings import Settings
from shared.stall import StallGuard


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Iterator[Celery]:
    app = make_broker(Settings(redis_url="memory://"))
    app.conf.broker_transport = "memory"  # in place of the strict one, which speaks Redis
    app.conf.broker_transport_options = {}
    yield app
    with app.connection_for_write() as connection:
        connection.channel().queue_purge("q")
    app.close()


def test_messages_that_wait_for_an_idle_consumer_mean_that_it_stalled(broker: Celery) -> None:
    guard = StallGuard(broker, ["q"], patience_seconds=0)
    assert not guard.is_stalled(), "nothing waits"

    publish(broker, "task", "q", {})

    assert guard.is_stalled()


def test_patience_is_kept(broker: Celery) -> None:
    guard = StallGuard(broker, ["q"], patience_seconds=3600)
    publish(broker, "task", "q", {})

    assert not guard.is_stalled()


def test_a_consumer_that_works_or_has_worked_since_has_not_stalled(broker: Celery) -> None:
    guard = StallGuard(broker, ["q"], patience_seconds=0)
    publish(broker, "task", "q", {})

    task_prerun.send(sender=None)
    assert not guard.is_stalled(), "it works"
    task_prerun.send(sender=None)
    task_postrun.send(sender=None)
    task_postrun.send(sender=None)
    assert not guard.is_stalled(), "it took a message since the last look"
    assert guard.is_stalled()


def test_a_broker_that_is_away_is_no_stall() -> None:
    away = make_broker(Settings(redis_url="redis://127.0.0.1:1/0"))

    assert not StallGuard(away, ["q"], patience_seconds=0).is_stalled()
    away.close()
