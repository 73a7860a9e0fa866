"""Secrets: generated once per data folder, one file each, readable by their owner only."""

import os
import secrets
from pathlib import Path


class Secrets:
    """The secrets below one data folder; a missing one is made when it is first asked for."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "secrets"

    @property
    def api_key_file(self) -> Path:
        """The file with the key that operators send to the API."""
        return self._file("api-key")

    @property
    def orthanc_password_file(self) -> Path:
        """The file with the password of Orthanc's user ``cutis``."""
        return self._file("orthanc")

    @property
    def redis_password_file(self) -> Path:
        """The file with the password of our user in Redis."""
        return self._file("redis")

    def redis_password(self) -> str:
        """Return the password of Redis."""
        return read_secret(self.redis_password_file)

    @property
    def ray_token_file(self) -> Path:
        """The file with the token that every call to Ray must carry."""
        return self._file("ray")

    def _file(self, name: str) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / name
        if not path.exists():
            temporary = path.with_name(f".{name}.{os.getpid()}")
            temporary.touch(mode=0o600)
            temporary.write_text(secrets.token_urlsafe(24), encoding="utf-8")
            temporary.replace(path)
        return path


def read_secret(path: Path) -> str:
    """Return the secret in ``path``, without the newline an editor may have added."""
    return path.read_text(encoding="utf-8").strip()


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner may read; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")
    return path
