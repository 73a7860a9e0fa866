import pytest

from shared.errors import BadInputError, ResourceError, TransientError
from shared.states import IllegalMoveError
from workers.runtime.request import PredictAnswer, answer_of


@pytest.mark.parametrize("kind", [BadInputError, ResourceError, TransientError])
def test_an_error_crosses_from_actor_to_task(kind: type[BadInputError]) -> None:
    answer = answer_of(kind("why", code="word"), {"read": 1.0})

    with pytest.raises(kind) as caught:
        answer.check()
    assert (caught.value.reason, caught.value.code) == ("why", "word")
    assert answer.stage_seconds == {"read": 1.0}


def test_an_error_the_task_does_not_know_keeps_its_family() -> None:
    answer = answer_of(IllegalMoveError("no"), {})

    assert answer.error == ("PermanentError", "illegal-move", "no")


def test_success_raises_nothing() -> None:
    PredictAnswer(stage_seconds={}).check()
