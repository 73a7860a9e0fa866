"""docker-compose.yml for real: built, brought up, tried, every service killed, taken down.

One stack for all tests, in their order. Figures are printed (``pytest -s`` shows them).
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.local.phantoms import Kind, write_studies
from services.local.ready import echo_status
from services.local.trial import Outcome, collect_results, send_samples
from tests.deploy.stack import Stack, require_engine, revision

pytestmark = [pytest.mark.containers, pytest.mark.timeout(2400)]

VERSION = "0.1.0"
EVERYTHING = ("--profile", "cpu", "--profile", "tools")  # an option hides COMPOSE_PROFILES
KILLED = ("redis", "postgres", "orthanc", "listener", "dispatcher", "worker", "writer", "api")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require_engine()
    made = Stack.make(tmp_path_factory.mktemp("compose"))
    try:
        begun = time.monotonic()
        made.compose(*EVERYTHING, "build")
        print(f"\nbuilt in {time.monotonic() - begun:.0f} s")
        print(f"up and healthy in {made.up():.0f} s")
        yield made
        made.compose(*EVERYTHING, "down", "--volumes")
        assert made.left() == []
    finally:
        made.compose(*EVERYTHING, "down", "--volumes", check=False)


def test_everything_is_healthy(stack: Stack) -> None:
    assert set(stack.states()) == set(KILLED)
    assert set(stack.states().values()) == {"healthy"}


def test_the_self_test_passes(stack: Stack) -> None:
    begun = time.monotonic()
    said = stack.compose("run", "--rm", "tools", "doctor", "--self-test")

    print(f"\n{said}\nself-test in {time.monotonic() - begun:.0f} s")
    for name, used in stack.memory().items():
        print(f"{name} {used}")


def test_strangers_get_nothing_at_the_published_ports(stack: Stack) -> None:
    """What the table in docs/security.md says of the ports of the services that run here."""
    addresses = stack.addresses()
    for path in ("/", "/metrics", "/api/v1/studies", "/api/v1/openapi.json"):
        assert httpx.get(f"{addresses.api}{path}", trust_env=False).status_code == 401
    for path in ("/system", "/dicom-web/studies"):
        assert httpx.get(f"{addresses.orthanc}{path}", trust_env=False).status_code == 401
    for one in (addresses.listener, addresses.pacs.dicom):
        said = echo_status(one.host, one.port, one.ae_title, calling="STRANGER")
        assert "refused" in said


def test_a_study_that_another_program_sends_gets_its_results(stack: Stack, tmp_path: Path) -> None:
    if shutil.which("storescu") is None:
        pytest.skip("needs storescu (apt: dcmtk)")
    addresses = stack.addresses()
    ((uid, files),) = write_studies(Kind.LSCI, tmp_path, seed=4001)
    to = addresses.pacs.dicom
    command = ("storescu", "-aet", "CUTIS_TOOLS", "-aec", to.ae_title, to.host, str(to.port))
    subprocess.run([*command, *map(str, files)], check=True, capture_output=True)

    outcome = Outcome(kind=Kind.LSCI, study_instance_uid=uid)
    collect_results(addresses, [outcome], tmp_path / "results", 300)

    assert outcome.problems() == []


@pytest.mark.parametrize(("number", "service"), list(enumerate(KILLED)))
def test_killing_a_service_loses_nothing(
    stack: Stack, tmp_path: Path, number: int, service: str
) -> None:
    addresses = stack.addresses()
    outcomes, sent = send_samples(addresses, [Kind.PHOTO], tmp_path / "studies", 5001 + number)
    assert [one.problem for one in sent] == [""]

    stack.compose("kill", service)
    print(f"\n{service} killed; all healthy again in {stack.up():.0f} s")
    collect_results(addresses, outcomes, tmp_path / "results", 300)

    assert outcomes[0].problems() == []
    roles = [one.role for one in outcomes[0].read_back]
    assert len(roles) == len(set(roles))  # nothing is there twice


@pytest.mark.parametrize("image", ["cutis-service", "cutis-tools", "cutis-worker"])
def test_an_image_says_which_commit_it_was_built_from(stack: Stack, image: str) -> None:
    assert stack.revision_of(f"{image}:{VERSION}") == revision()


@pytest.mark.parametrize("image", ["cutis-service", "cutis-tools"])
def test_torch_and_ray_are_only_in_the_image_of_the_worker(stack: Stack, image: str) -> None:
    code = "import importlib.util as u; assert not (u.find_spec('torch') or u.find_spec('ray'))"
    name = f"{image}:{VERSION}"
    command = ["docker", "run", "--rm", "--entrypoint", "python", name, "-c", code]

    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    worker = f"cutis-worker:{VERSION}"
    print(f"\n{name} {stack.size_of(name)}; {worker} {stack.size_of(worker)}")
