"""Stage: the one task boundary. Claims a job, does the work, turns an error into a fate."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from shared.db.claims import Claim, claim, renew
from shared.db.engine import Database
from shared.db.jobs import RetryPolicy, fail_stage, finish_stage
from shared.db.processes import process_name
from shared.errors import CutisError, ResourceError, TransientError
from shared.failpoints import failpoint
from shared.heart import Heart
from shared.settings import Settings
from shared.stall import STATUS
from shared.states import Stage

log = structlog.get_logger()


@dataclass(slots=True)
class Attempt:
    """One attempt at a stage: its claim, how long each step took, whether it is still ours."""

    claim: Claim
    stage_seconds: dict[str, float] = field(default_factory=dict)
    lost: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the time the block takes to ``step``."""
        start = time.monotonic()
        try:
            yield
        finally:
            elapsed = time.monotonic() - start
            self.stage_seconds[step] = self.stage_seconds.get(step, 0.0) + elapsed


Work = Callable[[Attempt], str | None]
"""Do a stage; return the key of the findings when there are any. Raises ``CutisError``."""


class StageRunner:
    """Runs one stage of jobs for one process."""

    def __init__(self, database: Database, settings: Settings, stage: Stage, role: str) -> None:
        self._database = database
        self._settings = settings
        self._stage = stage
        self._role = role
        self._owner = process_name(role)
        self._policy = retry_policy(settings)

    def run(self, job_id: str, work: Work) -> None:
        """Run ``work`` for ``job_id`` if the claim succeeds, under a lease that is kept alive."""
        with self._database.write() as session:
            held = claim(
                session,
                job_id,
                self._stage,
                owner=self._owner,
                lease_seconds=self._settings.lease_seconds,
            )
            failpoint(f"{self._role}.before-claim-commit")
        failpoint(f"{self._role}.after-claim")
        if held is None:
            log.info("job_not_claimed", job_id=job_id, stage=self._stage)
            return
        log.info("job_claimed", job_id=job_id, stage=self._stage, attempt=held.attempt)
        attempt = Attempt(claim=held)
        with Heart(lambda: self._renew(attempt), self._settings.heartbeat_seconds, "lease"):
            error, findings_key = _outcome(attempt, work)
        self._end(attempt, error, findings_key)

    def _renew(self, attempt: Attempt) -> None:
        if time.monotonic() - attempt.began > self._settings.longest_stage_seconds:
            # The heart beats on where the work hangs. A thread cannot be ended, a process can.
            log.critical("stage_hangs", job_id=attempt.claim.job_id, stage=self._stage)
            os._exit(STATUS)
        with self._database.write() as session:
            if not renew(session, attempt.claim, self._settings.lease_seconds):
                attempt.lost.set()
        failpoint(f"{self._role}.after-renew")

    def _end(self, attempt: Attempt, error: CutisError | None, findings_key: str | None) -> None:
        held, seconds = attempt.claim, attempt.stage_seconds
        with self._database.write() as session:
            if error is None:
                kept = finish_stage(session, held, stage_seconds=seconds, findings_key=findings_key)
                after = "finished" if kept else "claim-lost"
            else:
                after = fail_stage(session, held, error, self._policy, seconds) or "claim-lost"
            failpoint(f"{self._role}.before-finish-commit")
        failpoint(f"{self._role}.after-finish")
        log.info("stage_ended", job_id=held.job_id, stage=held.stage, after=after)


def retry_policy(settings: Settings) -> RetryPolicy:
    """Return the retry policy that ``settings`` ask for."""
    return RetryPolicy(
        max_attempts=settings.max_attempts,
        max_crashes=settings.max_crashes,
        backoff_seconds=settings.retry_backoff_seconds,
    )


def _outcome(attempt: Attempt, work: Work) -> tuple[CutisError | None, str | None]:
    try:
        return None, work(attempt)
    except CutisError as error:
        log.warning(
            "stage_failed",
            job_id=attempt.claim.job_id,
            code=error.code,
            reason=error.reason,
            cause=type(error.__cause__).__name__,  # of the reason it is no part: clinicians read it
        )
        return error, None
    except MemoryError:
        log.warning("stage_out_of_memory", job_id=attempt.claim.job_id)
        return ResourceError("there was not enough memory", code="out-of-memory"), None
    # The one place that catches everything: a bug in a model or writer must end as a visible
    # reason on its job, not as a task that vanishes from the queue.
    except Exception:
        log.exception("stage_crashed", job_id=attempt.claim.job_id)
        return TransientError("an unexpected error; see the log", code="unexpected"), None
