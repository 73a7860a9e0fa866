from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from services.dispatcher import jobs as dispatcher_jobs
from services.dispatcher import routing
from services.dispatcher.jobs import NewRevisions
from services.dispatcher.routing import Routing
from services.dispatcher.rules import Scale, SiteRules, When
from shared.db import lots, studies
from shared.db.engine import Database
from shared.db.ingest import record_instance
from shared.db.studies import freeze_complete_studies
from shared.db.tables import Event, Job, OutboxMessage, RoutingDecision, StudyRevision
from shared.dicom.manifest import InstanceManifest, StudyManifest
from shared.states import JobState
from tests.services.dispatcher.catalogue import CATALOGUE
from tests.services.dispatcher.test_routing import instance
from tests.shared.db.rows import SENDER, spooled
from workers.catalog import WeightsManifest


@pytest.fixture(autouse=True)
def _weights(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = WeightsManifest(
        model="m", version="1", files=(), trained_on="none", metrics={}, commit="", command=""
    )
    monkeypatch.setattr(dispatcher_jobs, "weights_manifest", lambda _name: manifest)


def arrive(
    database: Database, *instances: InstanceManifest, rules: SiteRules | None = None
) -> None:
    receive(database, *instances)
    NewRevisions(database, CATALOGUE, rules or SiteRules()).route()


def receive(database: Database, *instances: InstanceManifest) -> None:
    with database.write() as session:
        for one in instances:
            file = spooled(one.sop_instance_uid)
            record_instance(session, one, file, sender=SENDER, association_id=None)
    with database.write() as session:
        freeze_complete_studies(session, quiet_seconds=0, max_age_seconds=60)


def jobs(database: Database) -> list[Job]:
    with database.read() as session:
        return list(session.scalars(select(Job).order_by(Job.created_at)).all())


def test_a_frozen_study_gets_its_jobs_once(database: Database) -> None:
    arrive(database, instance(1))
    arrive(database)

    assert [(job.model, job.state) for job in jobs(database)] == [("colour", "queued")]


def test_another_scale_is_other_work(database: Database) -> None:
    for mm in (0.1, 0.2):
        scale = Scale(name="s", when=When(), rows=10, columns=10, mm_per_pixel=mm)
        late = instance(7, series_instance_uid="1.2.10", modality="OCT", samples_per_pixel=1)
        arrive(
            database, *((instance(1),) if mm == 0.1 else (late,)), rules=SiteRules(scales=(scale,))
        )

    photos = [one for one in jobs(database) if one.model == "colour"]
    assert [one.scales for one in photos] == [{"1.2.3.1": 0.1}, {"1.2.3.1": 0.2}]
    assert photos[0].superseded_at is not None


def test_a_late_image_gets_a_new_job_and_supersedes_the_first(database: Database) -> None:
    arrive(database, instance(1))
    arrive(database, instance(2))

    first, second = jobs(database)

    assert first.superseded_at is not None
    assert second.superseded_at is None
    assert len(second.instance_ids) == 2


def test_a_job_whose_input_did_not_change_is_carried_over(database: Database) -> None:
    arrive(database, instance(1))
    late = instance(7, series_instance_uid="1.2.10", modality="OCT", samples_per_pixel=1)
    arrive(database, late)

    photo, stack = jobs(database)

    assert photo.superseded_at is None
    assert photo.revision_id == stack.revision_id
    with database.read() as session:
        names = session.scalars(select(Event.name)).all()
        first = session.scalars(select(StudyRevision).where(StudyRevision.number == 1)).one()
    assert "JobCarriedOver" in names
    assert first.superseded_at is not None


def test_a_study_without_a_model_is_visible_with_the_reason(database: Database) -> None:
    arrive(database, instance(1, modality="CT", samples_per_pixel=1))

    with database.read() as session:
        (decision,) = session.scalars(select(RoutingDecision)).all()
    assert (decision.model, decision.code) == (None, "not-applicable")
    assert jobs(database) == []


def test_a_revision_that_cannot_be_routed_holds_up_no_other(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(database, instance(1, study_instance_uid="1.2.1"))
    receive(database, instance(2, study_instance_uid="1.2.2"))
    sound = routing.route
    failing = {"1.2.1"}

    def cannot(study: StudyManifest, *rest: Any) -> Routing:
        if study.study_instance_uid in failing:
            raise OperationalError("SELECT", {}, ValueError("parameters"))
        return sound(study, *rest)

    monkeypatch.setattr(dispatcher_jobs, "route", cannot)
    revisions = NewRevisions(database, CATALOGUE, SiteRules())
    assert revisions.route() == 1
    assert revisions.route() == 0  # put off
    assert len(jobs(database)) == 1
    with database.read() as session:
        (told,) = session.scalars(select(Event).where(Event.name == "StudyNotRouted")).all()
    assert told.details == {"revision": 1, "reason": "OperationalError"}
    failing.clear()
    assert NewRevisions(database, CATALOGUE, SiteRules()).route() == 1
    assert len(jobs(database)) == 2


def test_a_study_of_too_many_instances_gets_no_job_and_says_why(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_jobs, "MOST_INSTANCES", 1)
    arrive(database, instance(1), instance(2))
    with database.read() as session:
        (decision,) = session.scalars(select(RoutingDecision)).all()
    assert (decision.code, jobs(database)) == ("too-many", [])


def test_a_study_larger_than_a_statement_may_be_is_frozen_twice_and_routed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The limit itself (65535 on PostgreSQL) takes minutes: what matters is that lists are cut.
    monkeypatch.setattr(studies, "in_lots", lambda items: lots.in_lots(items, 2))
    arrive(database, *(instance(n) for n in range(1, 6)))
    arrive(database, instance(6))
    assert [len(one.instance_ids) for one in jobs(database)] == [5, 6]


def test_a_job_superseded_before_it_ran_waits_again_when_a_revision_wants_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(n: int) -> InstanceManifest:
        return instance(n, series_instance_uid="1.2.10", modality="CT", samples_per_pixel=1)

    arrive(database, instance(1))
    upgraded = replace(CATALOGUE["colour"], version="2")
    with monkeypatch.context() as patch:
        patch.setitem(CATALOGUE, "colour", upgraded)
        arrive(database, late(7))
    arrive(database, late(8))  # rolled back
    first, second = jobs(database)
    assert (first.state, first.code, first.superseded_at) == (JobState.QUEUED, "", None)
    assert (second.state, second.code) == (JobState.CANCELLED, "superseded")
    with database.read() as session:
        owed = session.scalars(select(OutboxMessage.job_id)).all()
    assert owed.count(first.id) == 2
