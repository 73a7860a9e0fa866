import pytest

from shared.states import FINAL, REPLAYABLE, IllegalMoveError, JobState, check_move


def test_a_done_job_goes_nowhere() -> None:
    for after in JobState:
        with pytest.raises(IllegalMoveError):
            check_move(JobState.DONE, after)


def test_every_unsuccessful_end_can_be_replayed() -> None:
    assert FINAL - {JobState.DONE} == REPLAYABLE
    for before in REPLAYABLE:
        check_move(before, JobState.QUEUED)
        check_move(before, JobState.INFERRED)


def test_a_job_cannot_skip_the_claim() -> None:
    with pytest.raises(IllegalMoveError, match="queued cannot become inferred"):
        check_move(JobState.QUEUED, JobState.INFERRED)
