"""The whole pipeline among bad input: each case ends as the list says, a good study is done."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.listener.instance import StoreRequest
from services.local.phantoms import Kind
from shared.db.engine import Database
from shared.db.tables import (
    Instance,
    Job,
    QuarantinedInstance,
    RoutingDecision,
    Study,
    StudyRevision,
)
from shared.states import FINAL, JobState
from tests.badinput.expected import Expected, expected
from tests.badinput.table import Show
from tests.badinput.test_catalogue import digest, stored_cases
from tests.badinput.wire import send_to
from tests.integration.running import phantom, running_pipeline, until

pytestmark = [pytest.mark.bad_input, pytest.mark.timeout(1200)]


def test_a_good_study_completes_after_all_the_bad_ones(tmp_path: Path, show: Show) -> None:
    data = tmp_path / "data"
    data.mkdir()
    cases = bad_cases()
    with running_pipeline(data) as pipeline:
        database = Database(f"sqlite:///{data / 'cutis.db'}")
        port = pipeline.addresses.listener.port
        answers = {
            name: send_to(port, request, calling=b"ORTHANC") for name, request in cases.items()
        }
        until(lambda: all_routed(database), timeout=120)
        until(lambda: all_ended(database), timeout=600)
        with database.read() as session:
            ends = {name: end_of(session, request) for name, request in cases.items()}

        uid, paths = phantom(Kind.PHOTO, tmp_path / "good", seed=91)
        pipeline.post(*paths)
        good = pipeline.settled(uid)
        database.dispose()

    wanted = {name: expected()[name] for name in cases}
    show(f"ends of {len(ends)} bad instances", sorted(Counter(ends.values()).items()))
    assert good["state"] == "done", good["reason"]
    assert differences(answers, {name: one.answer for name, one in wanted.items()}) == {}
    assert differences(ends, {name: expected_end(one) for name, one in wanted.items()}) == {}


def bad_cases() -> dict[str, StoreRequest]:
    """Return what is answered with a warning or cannot be decoded, and what one conflicts with.

    Not those that are cut: this listener has longer times and takes larger instances.
    """
    wanted = expected()
    return {
        name: request
        for name, request in stored_cases().items()
        if wanted[name].answer == "B007"
        or wanted[name].job in {"undecodable", "too-large"}
        or name == "first-of-two"
    }


def expected_end(one: Expected) -> str:
    """Return the one word that :func:`end_of` should say of a case."""
    if one.code or one.routed:
        return one.code or one.routed
    return JobState.DONE if one.job == "decoded" else one.job


def end_of(session: Session, request: StoreRequest) -> str:
    """Return how it ended: the code of quarantine, failure or routing, ``conflict``, or done."""
    sha256 = digest(request)
    held = session.scalars(
        select(QuarantinedInstance.code).where(QuarantinedInstance.sha256 == sha256)
    ).one_or_none()
    if held is not None:
        return held
    instance = session.scalars(select(Instance).where(Instance.sha256 == sha256)).one()
    jobs = [one for one in session.scalars(select(Job)) if instance.id in one.instance_ids]
    if instance.conflict:
        assert not jobs
        return "conflict"
    if jobs:
        (job,) = jobs
        return job.code if job.state == JobState.FAILED else job.state
    decisions = select(RoutingDecision.code).where(
        RoutingDecision.series_instance_uid == instance.manifest["series_instance_uid"]
    )
    return ", ".join(session.scalars(decisions))


def differences(got: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return by name what was expected and what came, where they differ."""
    return {name: (wanted[name], one) for name, one in got.items() if one != wanted[name]}


def all_ended(database: Database) -> bool:
    with database.read() as session:
        states = list(session.scalars(select(Job.state)))
    return bool(states) and all(one in FINAL for one in states)


def all_routed(database: Database) -> bool:
    with database.read() as session:
        waiting = (
            select(Study.id).where(Study.dirty),
            select(StudyRevision.id).where(StudyRevision.routed_at.is_(None)),
        )
        return not any(session.scalars(one).first() for one in waiting)
