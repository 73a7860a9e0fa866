"""Pipeline: which programs run on this machine, in which order, with which settings."""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from services.local.addresses import Addresses, DicomAddress, PacsAddress, given_pacs
from services.local.child import Program
from services.local.ohif import find_ohif
from services.local.orthanc import AE_TITLE as ORTHANC_AE_TITLE
from services.local.orthanc import OrthancPlan, orthanc_program
from services.local.ports import free_ports
from services.local.ready import TOOL_AE_TITLE, echo_status, page_answers, process_is_known
from services.local.redis import USERNAME as REDIS_USERNAME
from services.local.redis import redis_program
from services.local.secret_files import Secrets
from services.local.settings import LocalSettings, ToolSettings, environment
from services.local.viewer import link_template
from shared.settings import Settings

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The programs in their order of start, and where they will be reachable."""

    programs: tuple[Program, ...]
    addresses: Addresses


def plan_pipeline(own: LocalSettings, pid: int) -> Pipeline:
    """Return the whole pipeline, its folders and secrets made, nothing started.

    Raises
    ------
    ConfigurationError
        Redis or Orthanc is not installed.
    """
    data = own.data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    secrets = Secrets(data)
    ports = free_ports(
        {
            "redis": 0,
            "listener": own.listener_port,
            "api": own.api_port,
            "orthanc http": own.orthanc_http_port,
            "orthanc dicom": own.orthanc_dicom_port,
            "viewer": own.viewer_port,
        }
    )
    listener = DicomAddress(ae_title=Settings().ae_title, host=_LOOPBACK, port=ports["listener"])
    orthanc = OrthancPlan(
        folder=data / "orthanc",
        http_port=ports["orthanc http"],
        dicom_port=ports["orthanc dicom"],
        password_file=secrets.orthanc_password_file,
        listener=listener,
        stable_seconds=own.stable_seconds,
    )
    addresses = Addresses(
        pid=pid,
        data=data,
        api=f"http://{_LOOPBACK}:{ports['api']}",
        api_key_file=secrets.api_key_file,
        listener=listener,
        pacs=orthanc.pacs() if own.orthanc else given_pacs(),
        orthanc=orthanc.url if own.orthanc else None,
        viewer=f"http://{_LOOPBACK}:{ports['viewer']}" if own.viewer else None,
        redis_port=0 if own.redis_url else ports["redis"],
        database_url=None if own.database_url else f"sqlite:///{data / 'cutis.db'}",
        spool=data / "spool",
        # Ray puts sockets below this folder, and a socket's path has 107 characters at most.
        scratch=Path(tempfile.mkdtemp(prefix="cutis-", dir="/tmp")),
    )
    inherited = environment()
    outside = []
    if not own.redis_url:
        password = secrets.redis_password()
        outside.append(redis_program(data / "redis", ports["redis"], password, inherited))
    if own.orthanc:
        outside.append(orthanc_program(orthanc, inherited))
    services = _services(own, addresses, inherited | _names(own, addresses, secrets))
    if addresses.viewer is not None:
        find_ohif(ToolSettings().cache)  # now, because a first start fetches it
        services = (*services, _viewer(addresses, addresses.viewer, inherited))
    return Pipeline(programs=(*outside, *services), addresses=addresses)


def _services(
    own: LocalSettings, addresses: Addresses, names: dict[str, str]
) -> tuple[Program, ...]:
    url = addresses.database_url or own.database_url
    listener = addresses.listener

    def python(module: str) -> tuple[str, ...]:
        return (sys.executable, "-m", module)

    return (
        Program(
            name="migrate",
            command=python("shared.db.migrate"),
            environment=names,
            once=True,
            first=True,
        ),
        Program(
            name="worker",
            command=python("workers.runtime"),
            environment=names,
            is_ready=process_is_known(url, "worker"),
            ready_seconds=own.worker_ready_seconds,
            stop_seconds=30,
        ),
        Program(
            name="writer",
            command=python("services.writer"),
            environment=names,
            is_ready=process_is_known(url, "writer"),
        ),
        Program(
            name="dispatcher",
            command=python("services.dispatcher"),
            environment=names,
            is_ready=process_is_known(url, "dispatcher"),
        ),
        Program(
            name="listener",
            command=python("services.listener"),
            environment=names,
            is_ready=lambda _pid: not echo_status(listener.host, listener.port, listener.ae_title),
            stop_seconds=35,  # it lets open associations finish for 30 s
        ),
        Program(
            name="api",
            command=python("services.api"),
            environment=names,
            is_ready=lambda _pid: page_answers(f"{addresses.api}/readyz"),
        ),
    )


def _viewer(addresses: Addresses, url: str, environment: dict[str, str]) -> Program:
    port = url.rpartition(":")[2]
    options = ("viewer", "--data", str(addresses.data), "--port", port)
    return Program(
        name="viewer",
        command=(sys.executable, "-m", "services.cli", *options),
        environment=environment,
        is_ready=lambda _pid: page_answers(f"{url}/app-config.js"),
    )


def _names(own: LocalSettings, addresses: Addresses, secrets: Secrets) -> dict[str, str]:
    """Return the environment that tells the services about each other."""
    pacs = addresses.pacs
    names = {
        "CUTIS_DATABASE_URL": addresses.database_url or own.database_url,
        "CUTIS_REDIS_URL": own.redis_url or f"redis://{_LOOPBACK}:{addresses.redis_port}/0",
        "CUTIS_SPOOL": str(addresses.spool),
        "CUTIS_LISTENER_HOST": addresses.listener.host,
        "CUTIS_LISTENER_PORT": str(addresses.listener.port),
        "CUTIS_LISTENER_ALLOWED_AE_TITLES": ",".join(_allowed(pacs)),
        "CUTIS_DISPATCHER_QUIET_SECONDS": str(own.quiet_seconds),
        "CUTIS_WORKER_RAY_TEMP_DIR": str(addresses.scratch),
        "CUTIS_API_HOST": _LOOPBACK,
        "CUTIS_API_PORT": addresses.api.rpartition(":")[2],
        "CUTIS_API_KEY_FILE": str(addresses.api_key_file),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Read when Ray is imported: too early for a setting of ours.
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(secrets.ray_token_file),
    }
    if not own.redis_url:
        names |= {
            "CUTIS_REDIS_USERNAME": REDIS_USERNAME,
            "CUTIS_REDIS_PASSWORD_FILE": str(secrets.redis_password_file),
        }
    if addresses.orthanc is not None:
        names |= {
            "CUTIS_PACS_DICOMWEB_URL": pacs.dicomweb_url,
            "CUTIS_PACS_USERNAME": pacs.username,
            "CUTIS_PACS_PASSWORD_FILE": str(pacs.password_file),
            "CUTIS_PACS_AE_TITLE": pacs.dicom.ae_title,
            "CUTIS_PACS_HOST": pacs.dicom.host,
            "CUTIS_PACS_PORT": str(pacs.dicom.port),
            "CUTIS_LISTENER_RECONCILE_URL": addresses.orthanc,
        }
        # Long enough that a study is sent before it is missed; a value that is given wins.
        name = "CUTIS_LISTENER_RECONCILE_GRACE_SECONDS"
        names[name] = environment().get(name, str(3 * own.stable_seconds + 20))
    if addresses.viewer is not None:
        names["CUTIS_API_VIEWER_URL"] = link_template(addresses.viewer)
    return names


def _allowed(pacs: PacsAddress) -> list[str]:
    given = environment().get("CUTIS_LISTENER_ALLOWED_AE_TITLES", "").split(",")
    own = [ORTHANC_AE_TITLE, pacs.dicom.ae_title, TOOL_AE_TITLE]
    return sorted({one.strip() for one in given + own if one.strip()})
