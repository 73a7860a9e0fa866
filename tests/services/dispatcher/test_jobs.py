import pytest
from sqlalchemy import select

from services.dispatcher import jobs as dispatcher_jobs
from services.dispatcher.jobs import route_new_revisions
from services.dispatcher.rules import Scale, SiteRules, When
from shared.db.engine import Database
from shared.db.ingest import record_instance
from shared.db.studies import freeze_complete_studies
from shared.db.tables import Event, Job, RoutingDecision, StudyRevision
from shared.dicom.manifest import InstanceManifest
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
    with database.write() as session:
        for one in instances:
            file = spooled(one.sop_instance_uid)
            record_instance(session, one, file, sender=SENDER, association_id=None)
    with database.write() as session:
        freeze_complete_studies(session, quiet_seconds=0, max_age_seconds=60)
    with database.write() as session:
        route_new_revisions(session, CATALOGUE, rules or SiteRules())


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
