"""Errors: the class of an error decides the fate of the job or message that met it.

``CutisError``
 ├─ ``TransientError``       try again later, with backoff and a cap
 │   ├─ ``ResourceError``    the machine was too small just now (memory, disk)
 │   ├─ ``AwayError``        a neighbour is away or turns us away: try until it takes us
 │   └─ ``CrashError``       the process that did the work died: a few times, then park the job
 └─ ``PermanentError``       the same input will fail again: end the job with its reason
     ├─ ``BadInputError``    the images cannot be read or used
     └─ ``ConfigurationError``  an operator must change something first
"""

from typing import ClassVar


class CutisError(Exception):
    """Base of every error Cutis raises on purpose.

    Parameters
    ----------
    reason
        One sentence for a person; never contains patient identity.
    code
        Short kebab-case word that a program can match on.
    """

    default_code: ClassVar[str] = "error"

    def __init__(self, reason: str, *, code: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code or self.default_code

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling, which Ray uses to carry an error out of an actor."""
        return _rebuild, (type(self), self.reason, self.code)


class TransientError(CutisError):
    """Trying again later may succeed (connection, lock, worker lost)."""

    default_code = "transient"


class ResourceError(TransientError):
    """The machine was too small just now (memory, disk)."""

    default_code = "resource"


class AwayError(TransientError):
    """A neighbour (the PACS) does not answer, or turns us away whatever we bring.

    It is no fault of the job, which is tried without a cap.
    """

    default_code = "away"


class CrashError(TransientError):
    """The process that did the work died; a job that keeps doing that is parked."""

    default_code = "crash"


class PermanentError(CutisError):
    """The same input will fail in the same way; retrying is useless."""

    default_code = "permanent"


class BadInputError(PermanentError):
    """The images cannot be decoded, or are not what the model can use."""

    default_code = "bad-input"


class ConfigurationError(PermanentError):
    """An operator has to change a setting before this can work."""

    default_code = "configuration"


ONE_FAILED = (ArithmeticError, AttributeError, CutisError, LookupError, TypeError, ValueError)
"""What one of many (a study, an instance) may meet where the others must not wait for it: an error
of ours, or data that makes no sense. Errors of the database come besides."""

CarriedError = tuple[str, str, str]
"""An error as words: name of its class, code, reason."""


def carry(error: CutisError) -> CarriedError:
    """Return ``error`` as words, for another process; what is none of the classes above: permanent.

    A pickle would run what the other process has in it.
    """
    names = [one.__name__ for one in type(error).__mro__]
    kind = next((one for one in names if one in _CARRIED), PermanentError.__name__)
    return kind, error.code, error.reason


def carried(words: CarriedError) -> CutisError:
    """Return the error that :func:`carry` made ``words`` of."""
    kind, code, reason = words
    return _CARRIED.get(kind, PermanentError)(reason, code=code)


_CARRIED: dict[str, type[CutisError]] = {
    one.__name__: one
    for one in (
        TransientError,
        ResourceError,
        AwayError,
        CrashError,
        PermanentError,
        BadInputError,
        ConfigurationError,
    )
}


def _rebuild(kind: type[CutisError], reason: str, code: str) -> CutisError:
    return kind(reason, code=code)
