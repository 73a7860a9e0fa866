"""A database that was lost: the PACS is full already, and nothing is written there twice."""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from services.local.phantoms import Kind
from tests.integration.running import phantom, running_pipeline, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# The second pipeline is not sent anything: it pulls the study because it does not know it.
AT_ONCE = {"CUTIS_LISTENER_RECONCILE_GRACE_SECONDS": "1"}


def test_a_fresh_database_finds_its_results_in_the_pacs_byte_for_byte(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    uid, paths = phantom(Kind.CONFOCAL, tmp_path / "sent", seed=41)
    with running_pipeline(data) as pipeline:
        pipeline.post(*paths)
        assert pipeline.settled(uid)["state"] == "done"
        before = pipeline.stored(uid)
    for lost in data.glob("cutis.db*"):
        lost.unlink()
    shutil.rmtree(data / "spool")
    shutil.rmtree(data / "redis")

    with running_pipeline(data, **AT_ONCE) as pipeline:
        until(lambda: pipeline.jobs(uid), timeout=120)
        study = pipeline.settled(uid)
        (job,) = pipeline.jobs(uid)
        results = pipeline.results(job["id"])
        after = pipeline.stored(uid)

    assert study["state"] == "done", study["reason"]
    assert after == before, "nothing was added, nothing was replaced"
    assert {one["sop_instance_uid"] for one in results} == before.keys() - sent(before, paths)
    assert {(one["state"], one["already_stored"]) for one in results} == {("verified", True)}
    # What was made now, and not stored, is what the archive has had since the first time.
    assert digests(data / "cutis.db") == {
        one["sop_instance_uid"]: hashlib.sha256(before[one["sop_instance_uid"]]).hexdigest()
        for one in results
    }


def sent(stored: dict[str, bytes], paths: list[Path]) -> set[str]:
    """Return the UIDs of what was sent: by its bytes, as Orthanc keeps them."""
    contents = {path.read_bytes() for path in paths}
    return {uid for uid, content in stored.items() if content in contents}


def digests(database: Path) -> dict[str, str]:
    """Return the digest of each result that was made, by SOP Instance UID."""
    with closing(sqlite3.connect(database)) as connection:
        return dict(connection.execute("SELECT sop_instance_uid, sha256 FROM result").fetchall())
