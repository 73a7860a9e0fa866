"""Jobs: turns the routing of a frozen revision into rows, in one transaction."""

import time
from collections.abc import Mapping

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from services.dispatcher.routing import Decision, PlannedJob, Routing, route
from services.dispatcher.rules import SiteRules
from shared.db.engine import Database, clock
from shared.db.events import record_event
from shared.db.jobs import job_key, open_job, scales_in_key
from shared.db.studies import digest_of, instances_of, manifest_of, supersede_earlier
from shared.db.tables import Instance, RoutingDecision, Study, StudyRevision
from shared.errors import ONE_FAILED
from shared.failpoints import failpoint
from workers.catalog import weights_manifest
from workers.contract import ModelSpec

log = structlog.get_logger()


MOST_INSTANCES = 50_000
"""Instances of a study that is routed: no skin study has as many, and memory is not endless."""


class NewRevisions:
    """Routes what was frozen, each revision in a transaction of its own.

    One that cannot be routed must not hold up the others. It is left and tried again, less and
    less often: an upgrade, or other site rules, may mend what is wrong with it.
    """

    def __init__(
        self, database: Database, catalogue: Mapping[str, ModelSpec], rules: SiteRules
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._rules = rules
        self._put_off: dict[int, tuple[int, float]] = {}  # failures, and when to try again

    def route(self) -> int:
        """Route every revision that was frozen but not routed yet; return how many.

        Raises
        ------
        SQLAlchemyError
            The database is away.
        """
        with self._database.read() as session:
            ids = new_revisions(session)
        self._put_off = {one: wait for one, wait in self._put_off.items() if one in set(ids)}
        return sum(self._route(one) for one in ids)

    def _route(self, revision_id: int) -> bool:
        failures, due = self._put_off.get(revision_id, (0, 0.0))
        if time.monotonic() < due:
            return False
        try:
            with self._database.write() as session:
                routed = route_revision(session, revision_id, self._catalogue, self._rules)
                failpoint("dispatcher.before-route-commit")
        except (*ONE_FAILED, SQLAlchemyError) as error:
            kind = type(error).__name__  # its text may quote a row
            log.error("study_not_routed", revision_id=revision_id, reason=kind)  # noqa: TRY400
            if not failures:
                self._tell(revision_id, kind)
            wait = min(2.0 ** (failures + 1), _LONGEST_WAIT)
            self._put_off[revision_id] = (failures + 1, time.monotonic() + wait)
            return False
        return routed

    def _tell(self, revision_id: int, kind: str) -> None:
        # Raises where the database is away: then nothing is wrong with the revision.
        with self._database.write() as session:
            revision = session.get_one(StudyRevision, revision_id)
            number = revision.number
            study_id = revision.study_id
            record_event(session, "StudyNotRouted", study_id=study_id, revision=number, reason=kind)


_LONGEST_WAIT = 300.0


def new_revisions(session: Session) -> list[int]:
    """Return the revisions that were frozen but not routed yet, the oldest first."""
    waiting = select(StudyRevision.id).where(StudyRevision.routed_at.is_(None))
    return list(session.scalars(waiting.order_by(StudyRevision.id)))


def route_revision(
    session: Session, revision_id: int, catalogue: Mapping[str, ModelSpec], rules: SiteRules
) -> bool:
    """Route one revision; ``False`` where another dispatcher was faster."""
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
    jobs = _open_jobs(session, revision, catalogue, rules)
    supersede_earlier(session, revision)
    record_event(
        session,
        "StudyRouted",
        study_id=revision.study_id,
        revision=revision.number,
        models=[planned.model for planned in jobs],
    )
    log.info("study_routed", study_id=revision.study_id, jobs=len(jobs))
    return True


def _open_jobs(
    session: Session,
    revision: StudyRevision,
    catalogue: Mapping[str, ModelSpec],
    rules: SiteRules,
) -> tuple[PlannedJob, ...]:
    count = len(revision.instance_ids)
    if count > MOST_INSTANCES:
        reason = f"the study has {count} instances, more than {MOST_INSTANCES}: none is read"
        too_many = Decision(series_instance_uid="", model=None, code="too-many", reason=reason)
        _record_decisions(session, revision, Routing(decisions=(too_many,), jobs=()))
        return ()
    routing = route(manifest_of(session, revision), catalogue, rules)
    _record_decisions(session, revision, routing)
    instances = instances_of(session, revision.instance_ids)
    for planned in routing.jobs:
        _open(session, revision, planned, catalogue[planned.model], instances)
    return routing.jobs


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
