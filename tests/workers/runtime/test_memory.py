"""What an actor may have in memory is bounded, and what is beyond is a typed failure."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from shared.memory import bound_memory
from workers.runtime.settings import WorkerSettings

GREEDY = """
import sys
import numpy, torch
import workers.layers.model
from workers.runtime.actors import ModelActor
from workers.runtime.request import PredictRequest

class Greedy:
    def __init__(self, take):
        self.take = take

    def predict(self, series):
        self.taken = self.take(3 * 2**30)  # asked for, never touched
        return ()

for take in (lambda n: numpy.empty(n, numpy.uint8), lambda n: torch.empty(n, dtype=torch.uint8)):
    workers.layers.model.load = lambda *_, take=take: Greedy(take)
    actor = ModelActor("layers", 1, int(sys.argv[2]))
    answer = actor.predict(PredictRequest(series=(), folder=sys.argv[1]))
    print(answer.error and answer.error[1])
"""


@pytest.mark.parametrize(("bound", "said"), [(2 * 2**30, "out-of-memory"), (12 * 2**30, "None")])
def test_a_bounded_actor_fails_and_not_the_machine(bound: int, said: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", GREEDY, str(tmp_path / "findings"), str(bound)]
    asked = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert asked.stdout.split() == [said, said], "numpy and torch say it each in its way"


def test_every_actor_is_bounded_unless_the_site_wants_none() -> None:
    assert WorkerSettings().actor_memory_bytes == 8 * 2**30
    before = resource.getrlimit(resource.RLIMIT_DATA)
    bound_memory(0)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
