"""Up: run the pipeline in the foreground, one at a time in one data folder."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from services.local.addresses import (
    Addresses,
    last_addresses,
    remove_addresses,
    write_addresses,
)
from services.local.pipeline import plan_pipeline
from services.local.settings import LocalSettings, environment
from services.local.supervisor import Supervisor
from shared.errors import ConfigurationError
from shared.settings import PacsSettings

_TLS = ("CUTIS_LISTENER_TLS_CERTIFICATE", "CUTIS_API_TLS_CERTIFICATE")


def run_pipeline(own: LocalSettings, on_ready: Callable[[Addresses], None]) -> None:
    """Start everything, call ``on_ready`` with the addresses, run until SIGINT or SIGTERM.

    Raises
    ------
    ConfigurationError
        Something is missing, did not start, another pipeline runs in the same folder, or TLS is
        asked for.
    """
    _refuse_tls(own)
    os.umask(0o077)  # images and secrets lie below: for our own eyes, and our children's
    with _only_one_in(own.data):
        _clear_scratch(last_addresses(own.data))
        pipeline = plan_pipeline(own, os.getpid())
        addresses = pipeline.addresses
        write_addresses(addresses)
        try:
            logs = addresses.data / "logs"
            supervisor = Supervisor(pipeline.programs, logs, own.longest_restart_seconds)
            supervisor.run(lambda: on_ready(addresses))
        finally:
            remove_addresses(addresses.data)
            _clear_scratch(addresses)


def ready_line(addresses: Addresses) -> str:
    """Return the one line a program that started us waits for: JSON, event ``ready``."""
    return json.dumps({"event": "ready", **addresses.model_dump(mode="json")})


def _refuse_tls(own: LocalSettings) -> None:
    # All of it is on loopback, and plain: readiness, Orthanc and the commands speak no TLS.
    given = environment()
    asked = [name for name in _TLS if given.get(name)]
    if own.orthanc and PacsSettings().tls:
        asked.append("CUTIS_PACS_TLS")
    if asked:
        raise ConfigurationError(
            f"`cutis up` speaks no TLS on this machine: unset {', '.join(asked)}, "
            "or start the services one by one",
            code="tls",
        )


@contextmanager
def _only_one_in(data: Path) -> Iterator[None]:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot make the folder {data}: {error.strerror}") from error
    with (data / "cutis.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(
                f"a pipeline runs in {data} already; name another folder with --data",
                code="running",
            ) from error
        yield


def _clear_scratch(addresses: Addresses | None) -> None:
    # A pipeline that was killed could not remove its own.
    if addresses is not None and addresses.scratch.name.startswith("cutis-"):
        shutil.rmtree(addresses.scratch, ignore_errors=True)
