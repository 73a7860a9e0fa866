"""The actor pool against a real Ray."""

import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from shared.errors import TransientError
from tests.workers.runtime.actor_classes import ActorOnGpu, MoodyActor, OpenActor
from workers.catalog import model_folder
from workers.contract import ModelSpec, Series
from workers.findings import Findings
from workers.runtime import actors
from workers.runtime.actors import ActorPool, ModelActor
from workers.runtime.cluster import connect, disconnect
from workers.runtime.request import PredictRequest
from workers.runtime.settings import WorkerSettings

SETTINGS = WorkerSettings(actor_cpus=0.1, deadline_seconds=2.0, ray_num_cpus=2)


@pytest.fixture(scope="module", autouse=True)
def _ray() -> Iterator[None]:
    connect(SETTINGS)
    yield
    disconnect()


@pytest.fixture
def pool() -> ActorPool:
    return ActorPool(SETTINGS, MoodyActor)


def spec(name: str = "moody") -> ModelSpec:
    return ModelSpec(
        name=name, version="1", title="", accepts=(), segments=(), training_data="none"
    )


def request(mood: str) -> PredictRequest:
    return PredictRequest(series=(), folder=mood)


def fails(pool: ActorPool, mood: str, name: str = "moody") -> str:
    with pytest.raises(TransientError) as caught:
        pool.predict(spec(name), request(mood))
    return caught.value.code


def test_the_threads_of_an_actor_sleep_while_they_wait() -> None:
    pool = ActorPool(SETTINGS, OpenActor)
    pool.predict(spec(), request("answer"))

    assert pool.describe()["moody"]["waits"] == "PASSIVE"


def test_an_actor_stays_warm_between_jobs(pool: ActorPool) -> None:
    pool.predict(spec(), request("answer"))
    first = pool.describe()["moody"]["pid"]
    pool.predict(spec(), request("answer"))

    assert pool.describe()["moody"]["pid"] == first


def test_a_busy_actor_is_still_known_by_its_process(pool: ActorPool) -> None:
    pool.predict(spec(), request("answer"))
    pid = pool.describe()["moody"]["pid"]
    with ThreadPoolExecutor() as threads:
        hanging = threads.submit(fails, pool, "hang")
        time.sleep(0.5)

        assert pool.describe()["moody"] == {
            "pid": pid,
            "device": "cpu",
            "state": "busy or starting",
        }
        assert hanging.result() == "deadline"


def test_a_hanging_actor_is_killed_at_its_deadline_and_the_next_job_runs(pool: ActorPool) -> None:
    assert fails(pool, "hang") == "deadline"

    assert pool.predict(spec(), request("answer")).stage_seconds == {"predict": 0.5}


def test_an_actor_that_no_node_has_room_for_says_so(pool: ActorPool) -> None:
    too_large = SETTINGS.model_copy(update={"actor_cpus": 64.0, "start_seconds": 1.0})

    assert fails(ActorPool(too_large, MoodyActor), "answer") == "actor-start"


def test_a_dying_actor_fails_one_attempt_and_the_next_job_runs(pool: ActorPool) -> None:
    assert fails(pool, "die") == "actor-lost"

    assert pool.predict(spec(), request("answer")).error is None


def test_a_bug_in_a_model_fails_the_attempt_but_not_the_actor(pool: ActorPool) -> None:
    assert fails(pool, "raise") == "actor-failed"

    assert pool.predict(spec(), request("answer")).error is None


def test_an_actor_on_a_gpu_is_made_anew_after_an_error_that_may_have_broken_its_context() -> None:
    pool = ActorPool(SETTINGS, ActorOnGpu)
    pool.predict(spec(), request("answer"))
    first = pool.describe()["moody"]["pid"]

    assert fails(pool, "raise") == "actor-failed"

    assert pool.predict(spec(), request("answer")).error is None
    assert pool.describe()["moody"]["pid"] != first


def test_an_actor_that_cannot_start_counts_as_dead(pool: ActorPool) -> None:
    assert fails(pool, "answer", name="unloadable") == "actor-lost"


def test_weights_that_differ_from_their_manifest_say_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(model_folder("layers") / "weights", tmp_path / "weights")
    (tmp_path / "weights" / "unet.safetensors").write_bytes(b"tampered")
    monkeypatch.setattr(actors, "model_folder", lambda _name: tmp_path)

    answer = ModelActor("layers", 1).predict(request("unused"))

    assert answer.error is not None
    assert answer.error[:2] == ("ConfigurationError", "weights")


class Hungry:
    """A model that fits into memory once it was asked often enough to be smaller."""

    def __init__(self, too_large: int) -> None:
        self.too_large = too_large

    def predict(self, series: Sequence[Series]) -> tuple[Findings, ...]:
        assert not series
        if self.too_large:
            raise torch.OutOfMemoryError
        return ()


class HungryInPieces(Hungry):
    def in_smaller_pieces(self) -> Hungry:
        return HungryInPieces(self.too_large - 1)


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (Hungry(1), "out-of-memory"),
        (HungryInPieces(1), None),
        (HungryInPieces(2), "out-of-memory"),
    ],
)
def test_a_model_out_of_memory_gets_one_try_in_smaller_pieces(
    model: Hungry, code: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("workers.layers.model.load", lambda _weights, _device: model)

    answer = ModelActor("layers", 1).predict(request(str(tmp_path)))

    assert (answer.error and answer.error[1]) == code


def test_two_jobs_of_one_model_take_turns(pool: ActorPool) -> None:
    pool.predict(spec(), request("answer"))
    with ThreadPoolExecutor() as threads:
        # Together they take longer than one deadline, and neither must be killed for it.
        calls = [threads.submit(pool.predict, spec(), request("slow")) for _ in range(2)]

        assert [one.result().error for one in calls] == [None, None]
