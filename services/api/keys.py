"""Keys: which API keys may change something."""

import hashlib
import hmac
from collections.abc import Iterable

from services.api.settings import ApiSettings
from shared.errors import ConfigurationError

_SHORTEST = 16


class Keys:
    """The keys that may change things, kept as SHA-256 digests only.

    Raises
    ------
    ConfigurationError
        A key is shorter than 16 characters.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = []
        for key in keys:
            if len(key) < _SHORTEST:
                raise ConfigurationError(f"an API key has fewer than {_SHORTEST} characters")
            self._digests.append(_digest(key))

    def __bool__(self) -> bool:
        return bool(self._digests)

    def know(self, key: str) -> bool:
        """Say whether ``key`` is one of ours, in a time that does not depend on how wrong it is."""
        offered = _digest(key)
        return any([hmac.compare_digest(offered, one) for one in self._digests])  # noqa: C419


def read_keys(settings: ApiSettings) -> Keys:
    """Return the configured keys.

    Raises
    ------
    ConfigurationError
        The key file cannot be read, or a key is too short.
    """
    keys = [settings.key.get_secret_value()]
    if settings.key_file is not None:
        try:
            keys += settings.key_file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise ConfigurationError(
                f"the API key file cannot be read: {error.strerror}"
            ) from error
    stripped = (key.strip() for key in keys)
    return Keys(key for key in stripped if key and not key.startswith("#"))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
