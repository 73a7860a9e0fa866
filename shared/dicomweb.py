"""DICOMweb: a PACS over STOW-RS and QIDO-RS (PS3.18 10.5, 10.6)."""

import uuid
from typing import Any

import requests
from pydicom.dataset import Dataset

from shared.dicom_status import error_of_status
from shared.errors import AwayError, CutisError, PermanentError
from shared.settings import PacsSettings
from shared.web import PacsWeb

_JSON = {"Accept": "application/dicom+json"}
_FAILED_SOP_SEQUENCE = "00081198"
_FAILURE_REASON = "00081197"


class DicomWebPacs:
    """An archive reached over HTTP; see :class:`shared.pacs.Pacs`."""

    def __init__(self, settings: PacsSettings) -> None:
        self._web = PacsWeb(settings, settings.dicomweb_url)

    def has(self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str) -> bool:
        """Ask by QIDO-RS at instance level."""
        response = self._web.send(
            "GET",
            f"/studies/{study_instance_uid}/series/{series_instance_uid}/instances",
            headers=_JSON,
            params={"SOPInstanceUID": sop_instance_uid},
        )
        if response.status_code == requests.codes.not_found:
            return False
        check_status(response)
        return any(_uid(one) == sop_instance_uid for one in _found(response))

    def series_of(self, study_instance_uid: str, modality: str) -> dict[str, str]:
        """Return the Series Instance UIDs of one modality in a study, with their descriptions."""
        found = self._ask(f"/studies/{study_instance_uid}/series", {"Modality": modality})
        return {
            str(one.SeriesInstanceUID): str(one.get("SeriesDescription") or "")
            for one in found
            if "SeriesInstanceUID" in one
        }

    def metadata(
        self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str = ""
    ) -> list[Dataset]:
        """Return the instances of a series, or the one of them, without bulk data (WADO-RS)."""
        where = f"/studies/{study_instance_uid}/series/{series_instance_uid}"
        one = f"/instances/{sop_instance_uid}" if sop_instance_uid else ""
        return self._ask(f"{where}{one}/metadata", {})

    def store(self, content: bytes) -> None:
        """Send by STOW-RS, byte for byte as given."""
        boundary = uuid.uuid4().hex
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        media = f'multipart/related; type="application/dicom"; boundary={boundary}'
        response = self._web.send(
            "POST",
            "/studies",
            headers={**_JSON, "Content-Type": media},
            data=head + content + f"\r\n--{boundary}--\r\n".encode(),
        )
        # 409 tells by instance what failed, as 202 does (PS3.18 10.5.3.1).
        if response.status_code != requests.codes.conflict:
            check_status(response)
        _check_failures(response)
        check_status(response)

    def echo(self) -> None:
        """Ask for one study."""
        check_status(self._web.send("GET", "/studies", headers=_JSON, params={"limit": "1"}))

    def _ask(self, path: str, query: dict[str, str]) -> list[Dataset]:
        response = self._web.send("GET", path, headers=_JSON, params=query)
        if response.status_code == requests.codes.not_found:
            return []
        check_status(response)
        try:
            return [Dataset.from_json(one, lambda *_: b"") for one in _found(response)]
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise PermanentError("the PACS gives no DICOM JSON", code="pacs-refused") from error


def check_status(response: requests.Response) -> None:
    """Raise what a status other than 2xx means.

    Only what is about this very object ends a job. A PACS that turns us away (a new password, a
    proxy that knows no such path) would do so to a whole night's jobs: they wait for it.
    """
    error = _error_of(response.status_code)
    if error is not None:
        raise error


def _error_of(status: int) -> CutisError | None:
    if status < 300:
        return None
    if status < 400:
        return AwayError(f"the PACS sends us elsewhere ({status})", code="pacs")
    if status in {401, 403, 407}:
        return AwayError(f"the PACS refuses our credentials ({status})", code="pacs-login")
    if status in {408, 421, 425, 429} or status >= 500:
        return AwayError(f"the PACS is in trouble ({status})", code="pacs-trouble")
    if status in {404, 405, 410}:
        return AwayError(f"no DICOMweb at the PACS address ({status})", code="pacs")
    return PermanentError(f"the PACS refuses the instance ({status})", code="pacs-refused")


def _check_failures(response: requests.Response) -> None:
    """Read the Failed SOP Sequence; Orthanc sends an empty one on success."""
    answer = _json(response)
    failed = answer.get(_FAILED_SOP_SEQUENCE, {}).get("Value") if isinstance(answer, dict) else None
    if not failed:
        return
    reason = int((failed[0].get(_FAILURE_REASON, {}).get("Value") or [0])[0])
    raise error_of_status(reason)


def _found(response: requests.Response) -> list[Any]:
    """Return the matches of a search; a proxy's page with status 200 is not an empty archive."""
    if not response.content:  # nothing found may be 204 without a body (PS3.18 8.3.4.4)
        return []
    found = _json(response)
    if not isinstance(found, list):
        raise AwayError("no DICOMweb answers at the PACS address", code="pacs")
    return found


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except requests.JSONDecodeError:
        return {}


def _uid(found: object) -> object:
    if not isinstance(found, dict):
        return None
    values = found.get("00080018", {}).get("Value") or [None]
    return values[0]
