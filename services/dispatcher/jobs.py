"""Jobs: turns the routing of a frozen revision into rows, in one transaction."""

from collections.abc import Mapping

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.dispatcher.routing import PlannedJob, Routing, route
from services.dispatcher.rules import SiteRules
from shared.db.engine import clock
from shared.db.events import record_event
from shared.db.jobs import job_key, open_job, scales_in_key
from shared.db.studies import digest_of, instances_of, manifest_of, supersede_earlier
from shared.db.tables import Instance, RoutingDecision, Study, StudyRevision
from workers.catalog import weights_manifest
from workers.contract import ModelSpec

log = structlog.get_logger()


def route_new_revisions(
    session: Session, catalogue: Mapping[str, ModelSpec], rules: SiteRules
) -> int:
    """Route every revision that was frozen but not routed yet; return how many."""
    ids = session.scalars(
        select(StudyRevision.id).where(StudyRevision.routed_at.is_(None)).order_by(StudyRevision.id)
    ).all()
    return sum(_route(session, one, catalogue, rules) for one in ids)


def _route(
    session: Session, revision_id: int, catalogue: Mapping[str, ModelSpec], rules: SiteRules
) -> bool:
    # Another dispatcher may see the same revision; the row says who routes it.
    claimed = session.scalars(
        update(StudyRevision)
        .where(StudyRevision.id == revision_id, StudyRevision.routed_at.is_(None))
        .values(routed_at=clock(session))
        .returning(StudyRevision.id)
    ).all()
    if not claimed:
        return False
    revision = session.get_one(StudyRevision, revision_id, populate_existing=True)
    routing = route(manifest_of(session, revision), catalogue, rules)
    _record_decisions(session, revision, routing)
    instances = instances_of(session, revision.instance_ids)
    for planned in routing.jobs:
        _open(session, revision, planned, catalogue[planned.model], instances)
    supersede_earlier(session, revision)
    record_event(
        session,
        "StudyRouted",
        study_id=revision.study_id,
        revision=revision.number,
        models=[planned.model for planned in routing.jobs],
    )
    log.info("study_routed", study_id=revision.study_id, jobs=len(routing.jobs))
    return True


def _record_decisions(session: Session, revision: StudyRevision, routing: Routing) -> None:
    session.add_all(
        RoutingDecision(
            revision_id=revision.id,
            series_instance_uid=one.series_instance_uid,
            model=one.model,
            code=one.code,
            reason=one.reason,
        )
        for one in routing.decisions
    )


def _open(
    session: Session,
    revision: StudyRevision,
    planned: PlannedJob,
    spec: ModelSpec,
    instances: list[Instance],
) -> None:
    wanted = set(planned.sop_instance_uids)
    inputs = [one for one in instances if one.sop_instance_uid in wanted]
    study = session.get_one(Study, revision.study_id)
    weights_digest = weights_manifest(spec.name).digest
    open_job(
        session,
        revision,
        key=job_key(
            study.study_instance_uid,
            digest_of(inputs),
            spec.name,
            weights_digest,
            version=spec.version,
            parameters=spec.parameters,
            **scales_in_key(planned.scales),
        ),
        model=spec.name,
        model_version=spec.version,
        weights_digest=weights_digest,
        parameters=spec.parameters,
        instance_ids=[one.id for one in inputs],
        scales=planned.scales,
    )
