"""Views: read-only answers about what Cutis knows, for the API, the page and the command line.

Every function takes a session of :meth:`shared.db.engine.Database.read` and returns frozen
values. None carries patient identity or free text of a sender's images.
"""

from shared.db.views.history import EventSummary, ResultSummary, list_events, list_results
from shared.db.views.intake import (
    QuarantinedSummary,
    RefusedSenderSummary,
    count_quarantined,
    count_refusals,
    list_quarantined,
    list_refused_senders,
)
from shared.db.views.jobs import (
    AttemptSummary,
    DelaySummary,
    JobDetail,
    JobSummary,
    count_attempts,
    count_jobs,
    find_job,
    list_delays,
    list_jobs,
)
from shared.db.views.queues import QueueSummary, Totals, list_queues, totals
from shared.db.views.running import ProcessSummary, list_processes
from shared.db.views.studies import (
    DecisionSummary,
    SeriesSummary,
    StudyDetail,
    StudySummary,
    count_studies,
    find_study,
    list_studies,
)
from shared.db.views.study_states import StudyState

__all__ = [
    "AttemptSummary",
    "DecisionSummary",
    "DelaySummary",
    "EventSummary",
    "JobDetail",
    "JobSummary",
    "ProcessSummary",
    "QuarantinedSummary",
    "QueueSummary",
    "RefusedSenderSummary",
    "ResultSummary",
    "SeriesSummary",
    "StudyDetail",
    "StudyState",
    "StudySummary",
    "Totals",
    "count_attempts",
    "count_jobs",
    "count_quarantined",
    "count_refusals",
    "count_studies",
    "find_job",
    "find_study",
    "list_delays",
    "list_events",
    "list_jobs",
    "list_processes",
    "list_quarantined",
    "list_queues",
    "list_refused_senders",
    "list_results",
    "list_studies",
    "totals",
]
