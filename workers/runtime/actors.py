"""Actors: one warm Ray process per model, on a CPU or on a share of a GPU."""

import importlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ray
import structlog
import torch
from ray.exceptions import GetTimeoutError, RayActorError, RayError

from shared.errors import (
    CrashError,
    CutisError,
    PermanentError,
    ResourceError,
    TransientError,
)
from shared.failpoints import failpoint
from shared.memory import bound_memory
from shared.spool import sync_folder
from workers.catalog import model_folder
from workers.contract import Divisible, Model, ModelSpec, Series
from workers.findings import Findings, save_findings
from workers.runtime.reading import read_all
from workers.runtime.request import PredictAnswer, PredictRequest, answer_of
from workers.runtime.settings import WorkerSettings

log = structlog.get_logger()

_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}
"""A thread of torch that waits for another sleeps, where it would spin by default: on cores that
others use too it then keeps the very thread from running that it waits for (docs/adr/0018)."""


class ModelActor:
    """Holds one loaded model. Reads files, writes findings, returns only times or an error."""

    def __init__(self, name: str, threads: int, memory_bytes: int = 0) -> None:
        torch.set_num_threads(threads)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        module = importlib.import_module(f"workers.{name}.model")
        self._device = device.type
        if self._device == "cpu":  # CUDA maps far more than it uses
            bound_memory(memory_bytes)
        self._model: Model | None = None
        self._load_error: CutisError | None = None
        try:
            self._model = module.load(model_folder(name) / "weights", device)
        except CutisError as error:
            # Raised here, it would look like a process that died: jobs are told the reason.
            self._load_error = error

    def about(self) -> dict[str, Any]:
        """Say which process this is and on what device the model lies."""
        return {"pid": os.getpid(), "device": self._device}

    def predict(self, request: PredictRequest) -> PredictAnswer:
        """Run the model on the request's series and leave its findings, durably, in the folder."""
        seconds: dict[str, float] = {}
        if self._model is None:
            return answer_of(self._load_error or PermanentError("no model"), seconds)
        try:
            start = time.monotonic()
            series, declined = read_all(request.series, as_values=request.as_values)
            seconds["read"] = time.monotonic() - start
            start = time.monotonic()
            failpoint("actor.before-predict")
            findings = (*self._read(self._model, series), *declined)
            failpoint("actor.after-predict")
            seconds["predict"] = time.monotonic() - start
            start = time.monotonic()
            folder = Path(request.folder)
            folder.mkdir(parents=True, exist_ok=True)
            save_findings(findings, folder)
            sync_folder(folder)
            failpoint("actor.after-save")
            seconds["save"] = time.monotonic() - start
        except CutisError as error:
            return answer_of(error, seconds)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            self._free()
            too_small = ResourceError("the model ran out of memory", code="out-of-memory")
            return answer_of(too_small, seconds)
        return PredictAnswer(stage_seconds=seconds)

    def _read(self, model: Model, series: Sequence[Series]) -> tuple[Findings, ...]:
        """Run the model; out of memory, once more in smaller pieces where it can."""
        try:
            return model.predict(series)
        except (MemoryError, RuntimeError) as error:
            if not (_is_out_of_memory(error) and isinstance(model, Divisible)):
                raise
            log.warning("model_out_of_memory", device=self._device)
        # Only here is the failed try forgotten, and what it held in memory with it.
        self._free()
        return model.in_smaller_pieces().predict(series)

    def _free(self) -> None:
        if self._device == "cuda":
            torch.cuda.empty_cache()


class ActorPool:
    """The actors of this worker, started on first use and kept warm.

    Ray restarts a crashed actor, but never repeats its call (``max_task_retries=0``): attempts
    are counted in the database, and a repeat that Ray makes on its own would not be.
    """

    def __init__(self, settings: WorkerSettings, actor_class: type[Any] = ModelActor) -> None:
        self._settings = settings
        self._actor_class = actor_class
        self._lock = threading.Lock()
        self._actors: dict[str, Any] = {}
        self._known: dict[str, dict[str, Any]] = {}
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def predict(self, spec: ModelSpec, request: PredictRequest) -> PredictAnswer:
        """Run ``request`` on the actor of ``spec``, killing the actor at the deadline.

        Raises
        ------
        TransientError
            The actor died, hung, or Ray is away.
        """
        deadline = self._settings.deadline_seconds or spec.deadline_seconds
        # One call at a time: an actor has one thread, and a call that waits behind another's
        # would run into its own deadline and kill the actor under the one that works.
        with self._turns[spec.name]:
            return self._predict(spec, request, deadline)

    def _predict(self, spec: ModelSpec, request: PredictRequest, deadline: float) -> PredictAnswer:
        actor = self._actor(spec.name)
        try:
            self._known[spec.name] = self._started(spec.name, actor)
            answer: PredictAnswer = ray.get(actor.predict.remote(request), timeout=deadline)
        except GetTimeoutError as error:
            self._kill(spec.name, actor)
            reason = f"{spec.name} exceeded its deadline of {deadline:g} s"
            raise TransientError(reason, code="deadline") from error
        except RayActorError as error:
            # Also an actor whose constructor failed, which is dead for good: make a new one.
            log.warning("actor_lost", model=spec.name, error=type(error).__name__)
            self._forget(spec.name, actor)
            raise CrashError(f"the actor of {spec.name} died", code="actor-lost") from error
        except RayError as error:
            log.exception("actor_call_failed", model=spec.name)
            if self._known.get(spec.name, {}).get("device") == "cuda":
                # An error may have broken its CUDA context, for every call to come.
                self._forget(spec.name, actor)
                ray.kill(actor, no_restart=True)
            reason = f"the actor of {spec.name} failed: {type(error).__name__}; see the log"
            raise TransientError(reason, code="actor-failed") from error
        return answer

    def _started(self, name: str, actor: Any) -> dict[str, Any]:
        """Wait until the model is loaded: no fault of the job's, so outside its own deadline."""
        patience = self._settings.start_seconds
        try:
            about: dict[str, Any] = ray.get(actor.about.remote(), timeout=patience)
        except GetTimeoutError as error:
            self._kill(name, actor)
            reason = f"the actor of {name} did not start within {patience:g} s"
            raise TransientError(reason, code="actor-start") from error
        return about

    def _kill(self, name: str, actor: Any) -> None:
        log.warning("actor_killed", model=name)
        self._forget(name, actor)
        ray.kill(actor, no_restart=True)

    def warm_up(self, names: list[str]) -> None:
        """Start the actors of ``names`` without waiting for them."""
        for name in names:
            self._actor(name)

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return what is known of each actor, for the process row; silent ones say so."""
        with self._lock:
            actors = dict(self._actors)
        calls = {name: actor.about.remote() for name, actor in actors.items()}
        if not calls:
            return {}
        ready, _ = ray.wait(list(calls.values()), num_returns=len(calls), timeout=0.5)
        answered = {name: _about(call) for name, call in calls.items() if call in ready}
        # A busy actor cannot answer; what it said before still says which process it is.
        self._known |= answered
        return {
            name: answered.get(name, {**self._known.get(name, {}), "state": "busy or starting"})
            for name in calls
        }

    def _actor(self, name: str) -> Any:
        with self._lock:
            if name not in self._actors:
                self._actors[name] = (
                    ray.remote(self._actor_class)
                    .options(
                        num_cpus=self._settings.actor_cpus,
                        num_gpus=self._settings.actor_gpus,
                        max_restarts=-1,
                        max_task_retries=0,
                        runtime_env={"env_vars": _ENVIRONMENT},
                    )
                    .remote(
                        name, self._settings.threads_per_actor, self._settings.actor_memory_bytes
                    )
                )
            return self._actors[name]

    def _forget(self, name: str, actor: Any) -> None:
        with self._lock:
            if self._actors.get(name) is actor:
                del self._actors[name]
                self._known.pop(name, None)


def _is_out_of_memory(error: Exception) -> bool:
    # On a CPU, torch says so in words only.
    return isinstance(
        error, MemoryError | torch.OutOfMemoryError
    ) or "can't allocate memory" in str(error)


def _about(call: Any) -> dict[str, Any]:
    try:
        about: dict[str, Any] = ray.get(call)
    except RayError as error:
        return {"state": type(error).__name__}
    return {"state": "ready", **about}
