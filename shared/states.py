"""States: the one state machine of a job, and the states of everything around it."""

from enum import StrEnum

from shared.errors import PermanentError


class JobState(StrEnum):
    """Where a job is. Every job ends in DONE, FAILED, PARKED or CANCELLED."""

    QUEUED = "queued"  # waits for its model
    RUNNING = "running"  # claimed by a worker under a lease
    INFERRED = "inferred"  # findings are on the spool, waits for the writer
    WRITING = "writing"  # claimed by the writer under a lease
    DONE = "done"  # every result was verified in the PACS
    FAILED = "failed"  # ended with a reason; an operator may retry
    PARKED = "parked"  # killed its worker too often; an operator may retry
    CANCELLED = "cancelled"  # by an operator, or superseded before it ran


class Stage(StrEnum):
    """The two halves of a job, each claimed on its own."""

    MODEL = "model"
    WRITE = "write"


class AttemptOutcome(StrEnum):
    """How one claim of a job ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    TRANSIENT = "transient"
    PERMANENT = "permanent"
    LOST = "lost"  # the lease ran out: its owner died or hung
    CANCELLED = "cancelled"


class ResultState(StrEnum):
    """Where a result object is."""

    BUILT = "built"
    VERIFIED = "verified"


class QuarantineState(StrEnum):
    """What an operator decided about a quarantined instance."""

    HELD = "held"
    RELEASED = "released"
    DISCARDED = "discarded"


WAITING = {Stage.MODEL: JobState.QUEUED, Stage.WRITE: JobState.INFERRED}
WORKING = {Stage.MODEL: JobState.RUNNING, Stage.WRITE: JobState.WRITING}
FINISHED = {Stage.MODEL: JobState.INFERRED, Stage.WRITE: JobState.DONE}
FINAL = frozenset({JobState.DONE, JobState.FAILED, JobState.PARKED, JobState.CANCELLED})
REPLAYABLE = frozenset({JobState.FAILED, JobState.PARKED, JobState.CANCELLED})

_MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    JobState.RUNNING: frozenset(
        {JobState.INFERRED, JobState.QUEUED, JobState.FAILED, JobState.PARKED, JobState.CANCELLED}
    ),
    JobState.INFERRED: frozenset({JobState.WRITING, JobState.CANCELLED}),
    JobState.WRITING: frozenset(
        {JobState.DONE, JobState.INFERRED, JobState.FAILED, JobState.PARKED, JobState.CANCELLED}
    ),
    JobState.DONE: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED, JobState.INFERRED}),
    JobState.PARKED: frozenset({JobState.QUEUED, JobState.INFERRED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED, JobState.INFERRED}),
}


class IllegalMoveError(PermanentError):
    """A job was asked to move where its state does not allow."""

    default_code = "illegal-move"


def check_move(before: JobState, after: JobState) -> None:
    """Raise :class:`IllegalMoveError` unless a job may go from ``before`` to ``after``."""
    if after not in _MOVES[before]:
        raise IllegalMoveError(f"a job that is {before} cannot become {after}")
