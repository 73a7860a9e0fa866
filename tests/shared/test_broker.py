from shared.broker import make_broker
from shared.settings import Settings


def test_the_broker_never_unpickles_and_keeps_late_acknowledgement() -> None:
    conf = make_broker(Settings()).conf

    assert list(conf.accept_content) == ["json"]
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert not conf.worker_redirect_stdouts


def test_a_hung_redis_cannot_hang_us() -> None:
    options = make_broker(Settings()).conf.broker_transport_options

    assert options["socket_timeout"] <= 5
    assert options["global_keyprefix"] == "cutis:"
