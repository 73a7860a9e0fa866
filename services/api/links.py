"""Links: where a result or a study is in the site's viewer.

Addresses hold UIDs only, never who the patient is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from string import Formatter
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field

from shared.db.views import JobDetail, ResultSummary, StudyDetail
from shared.states import ResultState

STUDY, SERIES = "study_instance_uid", "series_instance_uid"

_SHOWN = frozenset({"seg", "sc"})
# OHIF 3.13 opens reports and maps of photos as a black viewport. The picture shows them: the map
# in colours, the numbers in words. A report without a picture (nothing analysed) opens the study.


class LinkedResult(ResultSummary):
    """A result and its address in the viewer."""

    viewer_url: str | None = Field(
        description="opens the result in the viewer; null without a viewer or until verified"
    )


class LinkedJob(JobDetail):
    """A job whose results have addresses."""

    results: tuple[LinkedResult, ...]


class LinkedStudy(StudyDetail):
    """A study that has an address, and its results too."""

    viewer_url: str | None = Field(description="opens the study in the viewer; null without one")
    results: tuple[LinkedResult, ...]


@dataclass(frozen=True, slots=True)
class Links:
    """Fills the template of ``CUTIS_API_VIEWER_URL``; with an empty one nothing has an address."""

    template: str

    def study(self, study_instance_uid: str) -> str | None:
        """Return the address of a whole study: what a query says of the series is left out."""
        parts = urlsplit(self.template)
        asked = [one for one in parts.query.split("&") if f"{{{SERIES}}}" not in one]
        whole = urlunsplit(parts._replace(query="&".join(asked)))
        return _filled(whole, study_instance_uid, "")

    def result(self, result: ResultSummary) -> LinkedResult:
        """Return ``result`` with its address."""
        seen = result.state is ResultState.VERIFIED  # before that the viewer would find nothing
        url = self._series(result) if seen else None
        return LinkedResult(**dict(result), viewer_url=url)

    def results(self, results: Iterable[ResultSummary]) -> tuple[LinkedResult, ...]:
        """Return ``results`` with their addresses."""
        return tuple(map(self.result, results))

    def job(self, job: JobDetail) -> LinkedJob:
        """Return ``job`` with the addresses of its results."""
        return LinkedJob(**{**dict(job), "results": self.results(job.results)})

    def study_detail(self, study: StudyDetail) -> LinkedStudy:
        """Return ``study`` with its address and those of its results."""
        url = self.study(study.study_instance_uid)
        return LinkedStudy(
            **{**dict(study), "results": self.results(study.results), "viewer_url": url}
        )

    def _series(self, result: ResultSummary) -> str | None:
        own, picture = result.series_instance_uid, result.picture_series_instance_uid
        series = own if result.role in _SHOWN else picture
        study = result.study_instance_uid
        return _filled(self.template, study, series) if series else self.study(study)


def check_template(template: str) -> str:
    """Return ``template``; raise :class:`ValueError` where it is no address of a study."""
    if not template:
        return template
    if not template.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    names = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
    if STUDY not in names or not names <= {STUDY, SERIES}:
        raise ValueError(f"must hold {{{STUDY}}}, may hold {{{SERIES}}}, and no other {{name}}")
    return template


def _filled(template: str, study_instance_uid: str, series_instance_uid: str) -> str | None:
    # UIDs came over the network: quoted, they cannot leave their places in the address.
    study, series = (quote(one, safe=".") for one in (study_instance_uid, series_instance_uid))
    filled = template.replace(f"{{{STUDY}}}", study).replace(f"{{{SERIES}}}", series)
    return filled or None
