"""Client: what the commands ask the API of a running pipeline, in the API's own words.

Answers stay the JSON the API sent: the commands show it and never rebuild it.
"""

import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from services.local.secret_files import read_secret
from shared.errors import ConfigurationError, PermanentError, TransientError
from shared.states import FINAL

Record = dict[str, Any]

_PAGE = 500
_SETTLED_STUDIES = frozenset({"attention", "done", "cancelled", "skipped"})


class ApiClient:
    """A connection to the API at ``url``; ``key_file`` holds the key, which reading may not need.

    Every method raises ``TransientError`` when nothing answers, ``ConfigurationError`` when the
    key is refused and ``PermanentError`` when the API says no.
    """

    def __init__(
        self,
        url: str,
        key_file: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = url
        self._key_file = key_file
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False, transport=transport)

    def __enter__(self) -> "ApiClient":
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def studies(self, study_instance_uids: Collection[str] = ()) -> list[Record]:
        """Return all studies, or those with these UIDs, the latest first."""
        found = self._all("/api/v1/studies")
        wanted = set(study_instance_uids)
        return [one for one in found if not wanted or one["study_instance_uid"] in wanted]

    def study(self, study_id: int) -> Record:
        """Return one study with its series, results and history."""
        answer: Record = self._ask("GET", f"/api/v1/studies/{study_id}")
        return answer

    def jobs(self) -> list[Record]:
        """Return all jobs, the newest first."""
        return self._all("/api/v1/jobs")

    def job(self, job_id: str) -> Record:
        """Return one job with its attempts and results."""
        answer: Record = self._ask("GET", f"/api/v1/jobs/{job_id}")
        return answer

    def models(self) -> list[Record]:
        """Return the catalogue."""
        answer: list[Record] = self._ask("GET", "/api/v1/models")
        return answer

    def queues(self) -> list[Record]:
        """Return every queue: what waits, what runs, whether it is paused."""
        answer: list[Record] = self._ask("GET", "/api/v1/queues")
        return answer

    def control_queue(self, name: str, action: str) -> None:
        """``pause`` or ``resume`` a queue."""
        self._ask("POST", f"/api/v1/queues/{name}/{action}")

    def quarantined(self) -> list[Record]:
        """Return everything that was set aside, the latest first."""
        return self._all("/api/v1/quarantine")

    def decide_on_quarantined(self, number: int, action: str) -> None:
        """``release`` or ``discard`` a quarantined instance."""
        self._ask("POST", f"/api/v1/quarantine/{number}/{action}")

    def retry(self, job_id: str) -> Record:
        """Replay a job; return where it is now."""
        answer: Record = self._ask("POST", f"/api/v1/jobs/{job_id}/retry")
        return answer

    def _all(self, path: str) -> list[Record]:
        items: list[Record] = []
        while True:
            page = self._ask("GET", f"{path}?limit={_PAGE}&offset={len(items)}")
            items += page["items"]
            if not page["items"] or len(items) >= page["total"]:
                return items

    def _ask(self, method: str, path: str) -> Any:
        headers = {"X-API-Key": read_secret(self._key_file)} if self._key_file else {}
        try:
            answer = self._http.request(method, path, headers=headers)
        except httpx.HTTPError as error:
            raise TransientError(f"the API at {self._url} does not answer") from error
        if answer.is_success:
            return answer.json()
        reason = _reason(answer)
        if answer.status_code in {401, 403}:
            raise ConfigurationError(f"the API refuses our key: {reason}", code="key")
        if answer.is_server_error:
            raise TransientError(f"the API failed: {reason}")
        raise PermanentError(reason)


def is_settled(study: Record) -> bool:
    """Say whether nothing will happen to ``study`` any more by itself."""
    ended = all(job["state"] in FINAL for job in study["jobs"])
    return study["state"] in _SETTLED_STUDIES and ended


def is_good(study: Record) -> bool:
    """Say whether ``study`` ended well: every job done, or no model reads it."""
    done = all(job["state"] == "done" for job in study["jobs"])
    return study["state"] in {"done", "skipped"} and done


def wait_until_settled(
    client: ApiClient,
    study_instance_uids: Collection[str],
    timeout_seconds: float,
    on_look: Callable[[list[Record]], None] = lambda _: None,
) -> list[Record]:
    """Return the studies once they are settled, or as they are when the time is over.

    With no UIDs given: all studies that are there. A study that has not arrived yet is waited
    for as well. ``on_look`` gets what was found at each look.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        found = client.studies(study_instance_uids)
        on_look(found)
        arrived = len(found) >= max(1, len(set(study_instance_uids)))
        if (arrived and all(map(is_settled, found))) or time.monotonic() >= deadline:
            return found
        time.sleep(0.5)


def _reason(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        return f"status {answer.status_code}"
    return str(problem.get("detail") or problem.get("title") or answer.status_code)
