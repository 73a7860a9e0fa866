"""``kill -9`` in the middle of a job: the job still ends, once."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from shared.dicom.uids import derived_uid
from tests.factories import byte_stack, layered_stack
from tests.integration.running import Record, RunningPipeline, running_pipeline, until, write

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPipeline]:
    # A worker that lost the head of Ray gives up after this, and not after a minute.
    soon = {"RAY_gcs_rpc_server_reconnect_timeout_s": "10"}
    with running_pipeline(tmp_path_factory.mktemp("faults"), **soon) as running:
        yield running


def kill_worker(pipeline: RunningPipeline) -> None:
    os.kill(pipeline.pid_of("worker"), signal.SIGKILL)


def kill_actor(pipeline: RunningPipeline) -> None:
    os.kill(layers_actor(pipeline)["pid"], signal.SIGKILL)


def layers_actor(pipeline: RunningPipeline) -> Record:
    """Return what the worker says of its actor for layers."""
    workers = [one for one in pipeline.get("/api/v1/workers") if one["role"] == "worker"]
    latest: Record = max(workers, key=lambda one: str(one["started_at"]))["details"]
    return dict(latest["actors"].get("layers", {}))


def is_at_work(pipeline: RunningPipeline) -> bool:
    """Say whether the actor is known and busy: a kill then hits it in the middle of a job."""
    actor = layers_actor(pipeline)
    return "pid" in actor and actor["state"] != "ready"


def kill_redis(pipeline: RunningPipeline) -> None:
    os.kill(pipeline.server_pid("redis-server"), signal.SIGKILL)


def kill_ray_head(pipeline: RunningPipeline) -> None:
    os.kill(pipeline.server_pid("gcs_server"), signal.SIGKILL)


def kill_writer(pipeline: RunningPipeline) -> None:
    os.kill(pipeline.pid_of("writer"), signal.SIGKILL)


@pytest.mark.parametrize("kill", [kill_actor, kill_redis, kill_worker, kill_ray_head])
def test_a_job_whose_helper_was_killed_ends_once(
    pipeline: RunningPipeline, tmp_path: Path, kill: Callable[[RunningPipeline], None]
) -> None:
    # It takes some seconds until Ray's head is missed: the job must be longer than that.
    frames = 128 if kill is kill_ray_head else 64
    uid = long_study(pipeline, tmp_path, kill.__name__, frames)

    until(lambda: pipeline.jobs(uid) and pipeline.jobs(uid)[0]["state"] == "running")
    until(lambda: is_at_work(pipeline))
    kill(pipeline)

    study = pipeline.settled(uid, timeout=240)
    assert study["state"] == "done", study["reason"]
    (job,) = pipeline.jobs(uid)
    results = pipeline.results(job["id"])
    assert len({one["sop_instance_uid"] for one in results}) == len(results)
    assert {one["sop_instance_uid"] for one in results} == beside_the_stack(
        pipeline, uid, kill.__name__
    )
    attempts = pipeline.client.job(job["id"])["attempts"]
    outcomes = [one["outcome"] for one in attempts if one["stage"] == "model"]
    assert outcomes.count("succeeded") == 1
    if kill is not kill_redis:
        assert len(outcomes) >= 2, "the kill came too late to prove anything"


def test_a_job_whose_writer_was_killed_writes_its_results_once(
    pipeline: RunningPipeline, tmp_path: Path
) -> None:
    uid = long_study(pipeline, tmp_path, "writer", frames=24)

    until(lambda: pipeline.jobs(uid) and pipeline.jobs(uid)[0]["state"] == "running")
    orthanc = pipeline.server_pid("Orthanc")
    os.kill(orthanc, signal.SIGSTOP)  # writing takes as long as this test wants
    try:
        until(lambda: pipeline.jobs(uid)[0]["state"] == "writing", timeout=120)
        kill_writer(pipeline)
    finally:
        os.kill(orthanc, signal.SIGCONT)

    study = pipeline.settled(uid, timeout=240)
    assert study["state"] == "done", study["reason"]
    (job,) = pipeline.jobs(uid)
    results = pipeline.results(job["id"])
    assert {one["sop_instance_uid"] for one in results} == beside_the_stack(pipeline, uid, "writer")
    attempts = pipeline.client.job(job["id"])["attempts"]
    outcomes = [one["outcome"] for one in attempts if one["stage"] == "write"]
    assert outcomes.count("succeeded") == 1
    assert len(outcomes) >= 2, "the kill came too late to prove anything"


def beside_the_stack(pipeline: RunningPipeline, uid: str, name: str) -> set[str]:
    """Return what Orthanc holds of a study besides the one stack that was sent."""
    stored = set(pipeline.stored(uid))
    stack = derived_uid("fault instance", name)
    assert stack in stored
    return stored - {stack}


def long_study(pipeline: RunningPipeline, folder: Path, name: str, frames: int = 64) -> str:
    """Send a stack that keeps the model busy for some seconds."""
    uid = derived_uid("fault", name)
    pixels = np.tile(layered_stack(1, 480, 640), (frames, 1, 1))
    pixels[:, 0, 0] = len(name)  # its own bytes, so that no other test's job is the same work
    stack = byte_stack(
        pixels,
        StudyInstanceUID=uid,
        SeriesInstanceUID=derived_uid("fault series", name),
        SOPInstanceUID=derived_uid("fault instance", name),
        Modality="OCT",
        SeriesDescription="LC-OCT",
    )
    pipeline.post(*write(folder, stack))
    return uid
