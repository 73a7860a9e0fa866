"""The one command that makes the secrets of docker-compose.yml."""

import hashlib
import json
import stat
import subprocess
from pathlib import Path

import pytest

from services.local.redis import render_users
from shared.api_keys import Scope, read_line

ROOT = Path(__file__).parents[2]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    make(folder)
    return folder


def make(folder: Path) -> None:
    command = ["sh", str(ROOT / "deploy" / "secrets.sh"), str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def test_nobody_else_on_the_host_may_look_into_the_folder(secrets: Path) -> None:
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700


def test_every_password_is_long_and_its_own(secrets: Path) -> None:
    names = ("postgres", "redis", "orthanc", "api-key", "prometheus-key", "grafana")
    passwords = {(secrets / name).read_text() for name in names}

    assert len(passwords) == len(names)
    assert min(map(len, passwords)) == 43  # 32 bytes in base64


def test_a_second_run_changes_nothing(secrets: Path) -> None:
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    make(secrets)

    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before


def test_redis_knows_our_user_by_the_digest_of_its_password(secrets: Path) -> None:
    users = (secrets / "redis-users.acl").read_text()

    assert users.strip() == render_users((secrets / "redis").read_text()).strip()


def test_orthanc_knows_our_user(secrets: Path) -> None:
    said = json.loads((secrets / "orthanc.json").read_text())

    assert said == {"RegisteredUsers": {"cutis": (secrets / "orthanc").read_text()}}


def test_the_api_knows_the_admin_and_prometheus_by_digest(secrets: Path) -> None:
    keys = [read_line(line) for line in (secrets / "api-keys").read_text().splitlines()]

    assert [(key.name, key.scope) for key in keys if key] == [
        ("admin", Scope.ADMIN),
        ("prometheus", Scope.READ),
    ]
    for key, name in zip(keys, ("api-key", "prometheus-key"), strict=True):
        digest = hashlib.sha256((secrets / name).read_bytes()).hexdigest()
        assert key is not None
        assert key.digest == f"sha256:{digest}"
