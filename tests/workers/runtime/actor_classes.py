"""Actors that misbehave, for the pool's tests."""

import os
import time
from typing import Any

from workers.runtime.request import PredictAnswer, PredictRequest


class MoodyActor:
    """Does what the first letters of the request's folder say: hang, die, raise, or answer."""

    def __init__(self, name: str, _threads: int, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        if name == "unloadable":
            raise RuntimeError("no weights")

    def about(self) -> dict[str, Any]:
        return {"pid": os.getpid(), "device": "cpu"}

    def predict(self, request: PredictRequest) -> PredictAnswer:
        if request.folder == "hang":
            time.sleep(600)
        if request.folder == "slow":
            time.sleep(1.5)
        if request.folder == "die":
            os._exit(1)
        if request.folder == "raise":
            raise ZeroDivisionError
        return PredictAnswer(stage_seconds={"predict": 0.5})


class ActorOnGpu(MoodyActor):
    """Says that it has a GPU."""

    def about(self) -> dict[str, Any]:
        return {**super().about(), "device": "cuda"}


class OpenActor(MoodyActor):
    """Says how its threads wait."""

    def about(self) -> dict[str, Any]:
        return {**super().about(), "waits": os.environ.get("OMP_WAIT_POLICY")}
