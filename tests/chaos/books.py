"""Books: after the storm, does everything that was sent have exactly one right result?"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import func, select

from shared.db.engine import Database
from shared.db.tables import Attempt, Instance, Job, QuarantinedInstance, Result
from shared.spool import Spool
from shared.states import FINAL, AttemptOutcome, JobState, ResultState
from tests.chaos.sender import SET_ASIDE, SUCCESS, Sample


@dataclass(slots=True)
class Books:
    """What was counted; everything in ``wrongs`` should not be."""

    counts: dict[str, int] = field(default_factory=dict)
    wrongs: list[str] = field(default_factory=list)

    def check(self, name: str, bad: list[str]) -> None:
        """Count ``bad`` as ``name``; anything in it is wrong."""
        self.counts[name] = len(bad)
        self.wrongs += [f"{name}: {one}" for one in bad]


def balance(
    sent: list[Sample], answers: dict[str, int], database: Database, spool: Path, pacs: httpx.Client
) -> Books:
    """Return the books of a pipeline that has come to rest."""
    books = Books()
    with database.read() as session:
        instances = list(session.scalars(select(Instance).where(Instance.own_result.is_(False))))
        quarantined = list(session.scalars(select(QuarantinedInstance)))
        jobs = list(session.scalars(select(Job)))
        results = list(session.scalars(select(Result)))
        attempts = list(session.scalars(select(Attempt)))
    good = {one.sop_instance_uid for one in sent if not one.bad}
    states = Counter(one.state for one in jobs)
    books.counts |= {"sent": len(sent), "stored": len(instances), "quarantined": len(quarantined)}
    books.counts |= {"jobs": len(jobs)} | {state.value: states[state] for state in sorted(FINAL)}
    books.counts["attempts that were lost"] = sum(
        one.outcome == AttemptOutcome.LOST for one in attempts
    )
    books.check("sent but never answered", [uid for uid in _uids(sent) if uid not in answers])
    wrong = [one.sop_instance_uid for one in sent if answers.get(one.sop_instance_uid) != _due(one)]
    books.check("answered otherwise than due", wrong)
    if len(sent) != len(instances) + len(quarantined):
        books.wrongs.append("sent is not stored + quarantined")
    if len(jobs) != sum(states[one] for one in FINAL):
        books.wrongs.append("jobs is not done + failed + parked + cancelled")
    _check_jobs(books, good, instances, jobs)
    _check_results(books, jobs, results, Spool(spool), pacs)
    books.counts["findings folders of lost attempts"] = _orphans(jobs, spool)
    books.counts["half-written files"] = sum(1 for _ in spool.rglob(".*.dcm.*"))
    return books


def ended_jobs(database: Database) -> int:
    """Return how many jobs are in a final state."""
    with database.read() as session:
        return session.scalar(select(func.count(Job.id)).where(Job.state.in_(FINAL))) or 0


def _check_jobs(books: Books, good: set[str], instances: list[Instance], jobs: list[Job]) -> None:
    by_id = {one.id: one for one in instances}
    worked_on = Counter(by_id[key].sop_instance_uid for job in jobs for key in job.instance_ids)
    ended = [job for job in jobs if job.state in FINAL]
    have_end = {by_id[key].sop_instance_uid for job in ended for key in job.instance_ids}
    books.check("lost (no job that ended)", sorted(good - have_end))
    books.check("worked on twice", [uid for uid, count in worked_on.items() if count > 1])
    not_done = [f"{job.id} {job.state} {job.code} {job.reason}" for job in jobs]
    books.check("jobs not done", [one for one in not_done if f" {JobState.DONE} " not in one])


def _check_results(
    books: Books, jobs: list[Job], results: list[Result], spool: Spool, pacs: httpx.Client
) -> None:
    query = {"Level": "Instance", "Query": {"StudyInstanceUID": ""}, "Expand": True}
    shown = pacs.post("/tools/find", json=query).raise_for_status().json()
    by_uid: dict[str, list[str]] = {}
    for one in shown:
        by_uid.setdefault(one["MainDicomTags"]["SOPInstanceUID"], []).append(one["ID"])
    of_job: dict[str, list[Result]] = {}
    for result in results:
        of_job.setdefault(result.job_id, []).append(result)
    done = [job for job in jobs if job.state == JobState.DONE]
    kinds = Counter(_roles(of_job.get(job.id, [])) for job in done)
    books.counts["results"], books.counts["instances in Orthanc"] = len(results), len(shown)
    books.counts["kinds of result sets"] = len(kinds)
    books.check("done without any result", [job.id for job in done if not of_job.get(job.id)])
    twice = [
        f"{job} {role}"
        for job, rows in of_job.items()
        for role, count in Counter((one.role, one.source_sop_instance_uid) for one in rows).items()
        if count > 1
    ]
    known = {one.sop_instance_uid for one in results}
    books.check("duplicate results", twice + [uid for uid, ids in by_uid.items() if len(ids) > 1])
    books.check("in Orthanc but of no job", sorted(set(by_uid) - known))
    finished = {job.id for job in done}
    ours = [one for one in results if one.job_id in finished]
    missing = [one.sop_instance_uid for one in ours if one.sop_instance_uid not in by_uid]
    books.check("lost (done, not in Orthanc)", missing)
    unseen = [one.sop_instance_uid for one in ours if one.state != ResultState.VERIFIED]
    books.check("done, never verified", unseen)
    books.check(
        "wrong content", [uid for one in ours for uid in _differs(one, by_uid, spool, pacs)]
    )


def _differs(
    result: Result, by_uid: dict[str, list[str]], spool: Spool, pacs: httpx.Client
) -> list[str]:
    """Name the result unless Orthanc, the spool and the database agree on its bytes."""
    digests = {result.sha256}
    if result.spool_key is not None:
        built = spool.path(result.spool_key).read_bytes()
        digests.add(hashlib.sha256(built).hexdigest())
    for one in by_uid.get(result.sop_instance_uid, []):
        content = pacs.get(f"/instances/{one}/file").raise_for_status().content
        digests.add(hashlib.sha256(content).hexdigest())
    return [] if len(digests) == 1 else [result.sop_instance_uid]


def _roles(results: list[Result]) -> tuple[str, ...]:
    return tuple(sorted(one.role for one in results))


def _orphans(jobs: list[Job], spool: Path) -> int:
    kept = {job.findings_key for job in jobs}
    folders = (one for one in (spool / "jobs").glob("*/*") if one.name != "results")
    return sum(str(one.relative_to(spool)) not in kept for one in folders)


def _uids(sent: list[Sample]) -> list[str]:
    return [one.sop_instance_uid for one in sent]


def _due(sample: Sample) -> int:
    return SET_ASIDE if sample.bad else SUCCESS
