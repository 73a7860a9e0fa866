"""Keys: which API keys are known here."""

from collections.abc import Iterable

from services.api.settings import ApiSettings
from shared.api_keys import ApiKey, plain_key, read_line
from shared.errors import ConfigurationError


class Keys:
    """The keys of this API, kept as SHA-256 digests only."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._keys = tuple(keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def find(self, secret: str) -> ApiKey | None:
        """Return the key that ``secret`` is, after looking at every one of them."""
        matching = [one for one in self._keys if one.is_made_from(secret)]
        return matching[0] if matching else None


def read_keys(settings: ApiSettings) -> Keys:
    """Return the configured keys.

    Raises
    ------
    ConfigurationError
        The key file cannot be read, or a line of it is wrong.
    """
    keys = []
    if given := settings.key.get_secret_value().strip():
        keys.append(plain_key(given, "CUTIS_API_KEY"))
    if settings.key_file is not None:
        try:
            lines = settings.key_file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise ConfigurationError(
                f"the API key file cannot be read: {error.strerror}"
            ) from error
        keys += [key for key in map(read_line, lines) if key is not None]
    names = [one.name for one in keys if one.name != "key-file"]
    if len(names) != len(set(names)):
        raise ConfigurationError("two API keys have the same name")
    return Keys(keys)
