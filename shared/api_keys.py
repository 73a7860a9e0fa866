"""API keys: what a key may do, and the line that stands for a key without holding it.

A key file has one key a line, ``name scope sha256:digest``; ``#`` starts a comment. Keys are 256
random bits, so a plain SHA-256 is enough: slow hashes protect what people choose, not this.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from shared.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SHORTEST = 16


class Scope(StrEnum):
    """What a caller may do; each covers the ones before it."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def covers(self, wanted: "Scope") -> bool:
        """Say whether a caller with this scope may do what needs ``wanted``."""
        order = list(Scope)
        return order.index(self) >= order.index(wanted)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as we keep it: who, how much, and the digest of the secret."""

    name: str
    scope: Scope
    digest: str

    def is_made_from(self, secret: str) -> bool:
        """Say whether ``secret`` is this key, in a time that does not depend on how wrong it is."""
        return hmac.compare_digest(self.digest, _digest(secret))

    def line(self) -> str:
        """Return the line of a key file."""
        return f"{self.name} {self.scope} {self.digest}"


def new_key(name: str, scope: Scope) -> tuple[str, ApiKey]:
    """Return a new secret, which nothing keeps, and the key that stands for it.

    Raises
    ------
    ConfigurationError
        ``name`` is not a word.
    """
    secret = secrets.token_urlsafe(32)
    return secret, ApiKey(_checked(name), scope, _digest(secret))


def plain_key(secret: str, name: str) -> ApiKey:
    """Return the key for a secret that was given as it is, with the scope ``admin``.

    Raises
    ------
    ConfigurationError
        The secret is shorter than 16 characters.
    """
    if len(secret) < _SHORTEST:
        raise ConfigurationError(f"an API key has fewer than {_SHORTEST} characters")
    return ApiKey(name, Scope.ADMIN, _digest(secret))


def read_line(line: str) -> ApiKey | None:
    """Return the key of one line of a key file; ``None`` for an empty line or a comment.

    A line of one word is a key as it is.

    Raises
    ------
    ConfigurationError
        The line is neither; the message does not repeat it.
    """
    words = line.split("#", 1)[0].split()
    if not words:
        return None
    if len(words) == 1:
        return plain_key(words[0], "key-file")
    if len(words) != 3 or words[1] not in set(Scope) or not _DIGEST.fullmatch(words[2]):
        raise ConfigurationError("a line of the API key file is not `name scope sha256:digest`")
    return ApiKey(_checked(words[0]), Scope(words[1]), words[2])


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigurationError("the name of an API key is one word of letters, digits and _.-")
    return name


def _digest(secret: str) -> str:
    return f"sha256:{hashlib.sha256(secret.encode()).hexdigest()}"
