import pickle

from shared.errors import BadInputError, PermanentError, ResourceError, TransientError


def test_an_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(BadInputError("no pixels", code="undecodable")))

    assert isinstance(error, BadInputError)
    assert (error.reason, error.code) == ("no pixels", "undecodable")


def test_the_class_decides_whether_trying_again_makes_sense() -> None:
    assert issubclass(ResourceError, TransientError)
    assert issubclass(BadInputError, PermanentError)
    assert not issubclass(BadInputError, TransientError)
