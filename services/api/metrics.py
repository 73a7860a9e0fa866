"""Metrics: what Prometheus reads, taken from the database at every scrape.

Labels are only words of our own (models, states, stages): what a sender chooses, such as an
AE title, would let it make as many time series as it likes.
"""

import shutil
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from services.api.context import Context
from shared.db.pacs import count_overdue, count_put_off, seconds_since_pass
from shared.db.views import (
    count_attempts,
    count_jobs,
    count_quarantined,
    count_refusals,
    count_studies,
    list_delays,
    list_processes,
    list_queues,
)
from shared.states import AttemptOutcome


class DatabaseCollector(Collector):
    """Collects from one read of the database; errors of the database pass through."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def describe(self) -> list[Metric]:
        """Name nothing in advance: the registry would collect just to find the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family."""
        with self._context.database.read() as session:
            families = [
                _jobs(session),
                _delayed(session),
                _attempts(session),
                _studies(session),
                *_queues(session, self._context),
                _refusals(session),
                _quarantined(session),
                _processes(session, self._context),
                *_reconciler(session),
            ]
        yield from families
        yield from _spool(self._context)


def _jobs(session: Session) -> Metric:
    family = GaugeMetricFamily("cutis_jobs", "Jobs by model and state", labels=["model", "state"])
    for (model, state), count in count_jobs(session).items():
        family.add_metric([model, state], count)
    return family


def _delayed(session: Session) -> Metric:
    family = GaugeMetricFamily(
        "cutis_jobs_delayed",
        "Jobs on their way whose last attempt ended with this code",
        labels=["code"],
    )
    for one in list_delays(session):
        family.add_metric([one.code], one.jobs)
    return family


def _attempts(session: Session) -> Metric:
    family = CounterMetricFamily(
        "cutis_attempts", "Attempts that ended", labels=["model", "stage", "outcome"]
    )
    for (model, stage, outcome), count in count_attempts(session).items():
        if outcome is not AttemptOutcome.RUNNING:
            family.add_metric([model, stage, outcome], count)
    return family


def _studies(session: Session) -> Metric:
    family = GaugeMetricFamily("cutis_studies", "Studies by state", labels=["state"])
    for state, count in count_studies(session).items():
        family.add_metric([state], count)
    return family


def _queues(session: Session, context: Context) -> list[Metric]:
    waiting = GaugeMetricFamily(
        "cutis_queue_depth", "Jobs that wait, delayed ones included", labels=["queue"]
    )
    running = GaugeMetricFamily("cutis_queue_running", "Jobs being worked on", labels=["queue"])
    oldest = GaugeMetricFamily(
        "cutis_queue_oldest_seconds", "How long the oldest waiting job has waited", labels=["queue"]
    )
    for queue in list_queues(session, context.models):
        waiting.add_metric([queue.name], queue.depth)
        running.add_metric([queue.name], queue.running)
        oldest.add_metric([queue.name], queue.oldest_seconds or 0.0)
    return [waiting, running, oldest]


def _refusals(session: Session) -> Metric:
    return CounterMetricFamily(
        "cutis_refused_associations", "Associations that were refused", count_refusals(session)
    )


def _quarantined(session: Session) -> Metric:
    family = GaugeMetricFamily(
        "cutis_quarantined_instances", "Quarantined instances by state", labels=["state"]
    )
    for state, count in count_quarantined(session).items():
        family.add_metric([state], count)
    return family


def _processes(session: Session, context: Context) -> Metric:
    family = GaugeMetricFamily(
        "cutis_processes", "Processes by role, and whether they are heard", labels=["role", "heard"]
    )
    counts: dict[tuple[str, str], int] = {}
    for one in list_processes(session, silent_after_seconds=context.silent_after_seconds):
        key = (one.role, "no" if one.silent else "yes")
        counts[key] = counts.get(key, 0) + 1
    for (role, heard), count in counts.items():
        family.add_metric([role, heard], count)
    return family


def _reconciler(session: Session) -> Iterator[Metric]:
    """Only where an archive is followed."""
    age = seconds_since_pass(session)
    if age is None:
        return
    yield GaugeMetricFamily(
        "cutis_reconcile_pass_age_seconds", "Since everything due was last looked at", age
    )
    yield GaugeMetricFamily(
        "cutis_reconcile_overdue_instances",
        "Instances of the archive that are due and not looked at yet",
        count_overdue(session),
    )
    yield GaugeMetricFamily(
        "cutis_reconcile_put_off_instances",
        "Instances that the archive could not give and that are tried again",
        count_put_off(session),
    )


def _spool(context: Context) -> Iterator[Metric]:
    """Only where the spool is mounted: another file system's space would mislead."""
    if context.settings.spool.is_dir():
        free = shutil.disk_usage(context.settings.spool).free
        yield GaugeMetricFamily("cutis_spool_free_bytes", "Bytes free on the spool", free)
