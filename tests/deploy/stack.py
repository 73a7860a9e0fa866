"""Stack: docker-compose.yml under a project name of its own, on free ports of this machine."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from services.local.addresses import Addresses, DicomAddress, PacsAddress
from services.local.ports import free_ports

ROOT = Path(__file__).parents[2]
_PORTS = ("ORTHANC_HTTP", "ORTHANC_DICOM", "LISTENER_DICOM", "API", "VIEWER")
_SECONDS = 1800


def require_engine() -> None:
    """Skip unless a Docker engine and Compose v2 answer."""
    if shutil.which("docker") is None:
        pytest.skip("needs a Docker engine with Compose v2: no docker command here")
    for command in (("docker", "info"), ("docker", "compose", "version")):
        ended = subprocess.run(command, capture_output=True, check=False)
        if ended.returncode != 0:
            pytest.skip(f"needs a Docker engine with Compose v2: `{' '.join(command)}` fails")


@cache
def revision() -> str:
    """Return the commit that was checked out at first, `unknown` where there is none."""
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stdout.strip() or "unknown"


@dataclass(frozen=True)
class Stack:
    """One project: its name, the folder with its secrets, and the ports it is published on."""

    project: str
    secrets: Path
    ports: dict[str, int]

    @classmethod
    def make(cls, folder: Path) -> "Stack":
        """Make the secrets; nothing is started."""
        secrets = folder / "secrets"
        script = str(ROOT / "deploy" / "secrets.sh")
        subprocess.run(["sh", script, str(secrets)], check=True, capture_output=True)
        return cls(f"cutis-test-{os.getpid()}", secrets, free_ports(dict.fromkeys(_PORTS, 0)))

    def compose(self, *words: str, check: bool = True) -> str:
        """Run ``docker compose`` on this project; return its stdout."""
        command = ("docker", "compose", "--project-name", self.project, *words)
        ended = subprocess.run(
            command,
            cwd=ROOT,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert not check or ended.returncode == 0, ended.stderr[-4000:] + ended.stdout[-4000:]
        return ended.stdout

    def up(self) -> float:
        """Start what is not running and wait until all is healthy; return how long that took."""
        begun = time.monotonic()
        self.compose("up", "--detach", "--wait", "--wait-timeout", "300")
        return time.monotonic() - begun

    def states(self) -> dict[str, str]:
        """Return the health of every running container, by service."""
        lines = self.compose("ps", "--format", "json").splitlines()
        return {one["Service"]: one["Health"] for one in map(json.loads, lines)}

    def left(self) -> list[str]:
        """Return what of this project is on the engine: containers, volumes, networks."""
        label = f"label=com.docker.compose.project={self.project}"
        found: list[str] = []
        for kind in (["ps", "--all"], ["volume", "ls"], ["network", "ls"]):
            command = ["docker", *kind, "--quiet", "--filter", label]
            ended = subprocess.run(command, capture_output=True, text=True, check=True)
            found += ended.stdout.split()
        return found

    def revision_of(self, image: str) -> str:
        """Return the commit that an image says it was built from."""
        said = '{{index .Config.Labels "org.opencontainers.image.revision"}}'
        command = ["docker", "image", "inspect", "--format", said, image]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def size_of(self, image: str) -> str:
        """Return the size of an image on disk."""
        command = ["docker", "images", "--format", "{{.Size}}", image]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def memory(self) -> dict[str, str]:
        """Return what each container uses, as the engine says."""
        names = self.compose("ps", "--format", "{{.Name}}").split()
        command = ["docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *names]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return dict(line.split(" ", 1) for line in lines.splitlines())

    def addresses(self) -> Addresses:
        """Return where the stack is reached from outside."""
        nowhere = self.secrets.parent
        orthanc = f"http://127.0.0.1:{self.ports['ORTHANC_HTTP']}"
        return Addresses(
            pid=os.getpid(),
            data=nowhere,
            api=f"http://127.0.0.1:{self.ports['API']}",
            api_key_file=self.secrets / "api-key",
            listener=_dicom("CUTIS", self.ports["LISTENER_DICOM"]),
            pacs=PacsAddress(
                dicom=_dicom("ORTHANC", self.ports["ORTHANC_DICOM"]),
                dicomweb_url=f"{orthanc}/dicom-web",
                username="cutis",
                password_file=self.secrets / "orthanc",
            ),
            orthanc=orthanc,
            redis_port=0,
            database_url=None,
            spool=nowhere,
            scratch=nowhere,
        )

    def _environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("CUTIS_")},
            **{f"CUTIS_{name}_PORT": str(port) for name, port in self.ports.items()},
            "COMPOSE_PROFILES": "cpu",
            "CUTIS_REVISION": revision(),
            "CUTIS_SECRETS": str(self.secrets),
            "CUTIS_DICOM_BIND": "127.0.0.1",
            "CUTIS_STABLE_SECONDS": "3",
            "CUTIS_QUIET_SECONDS": "3",
            # Long enough that an ordinary study is sent, short enough to wait for.
            "CUTIS_RECONCILE_GRACE_SECONDS": "20",
        }


def _dicom(ae_title: str, port: int) -> DicomAddress:
    return DicomAddress(ae_title=ae_title, host="127.0.0.1", port=port)
