"""Archive: what of a PACS can be learned from, read by DICOMweb (PS3.18 10.4, 10.6)."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import requests
from pydicom import dcmread
from pydicom.dataset import Dataset

from shared.dicomweb import check_status
from shared.errors import PermanentError
from shared.settings import PacsSettings
from shared.web import PacsWeb, parts_of

_PAGE = 100
_JSON = {"Accept": "application/dicom+json"}
# Whatever transfer syntax it is stored in: decoding is ours.
_DICOM = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesKey:
    """Where a series is."""

    study_instance_uid: str
    series_instance_uid: str


class Archive:
    """A PACS that answers QIDO-RS and WADO-RS; its errors are those of :mod:`shared.dicomweb`."""

    def __init__(self, settings: PacsSettings) -> None:
        self._web = PacsWeb(settings, settings.dicomweb_url)

    def series(self, modality: str) -> Iterator[SeriesKey]:
        """Yield every series of ``modality``."""
        offset = 0
        while page := self._page(modality, offset):
            for one in page:
                yield SeriesKey(
                    study_instance_uid=_uid(one, "0020000D"),
                    series_instance_uid=_uid(one, "0020000E"),
                )
            offset += len(page)

    def instances(self, key: SeriesKey, sop_instance_uid: str = "") -> list[Dataset]:
        """Return the instances of a series, or the one that is named."""
        path = f"/studies/{key.study_instance_uid}/series/{key.series_instance_uid}"
        if sop_instance_uid:
            path += f"/instances/{sop_instance_uid}"
        answer = self._web.send("GET", path, headers=_DICOM)
        check_status(answer)
        parts = parts_of(answer.content, answer.headers.get("Content-Type", ""))
        if not parts:
            raise PermanentError("the PACS gives no instances", code="pacs")
        return [dcmread(io.BytesIO(part)) for part in parts]

    def _page(self, modality: str, offset: int) -> list[object]:
        # Study and series UIDs are always returned at this level (PS3.18 table 10.6.1-5).
        asked = {"Modality": modality, "limit": str(_PAGE), "offset": str(offset)}
        answer = self._web.send("GET", "/series", headers=_JSON, params=asked)
        check_status(answer)
        if answer.status_code == requests.codes.no_content or not answer.content:
            return []
        found = answer.json()
        if not isinstance(found, list):
            raise PermanentError("the PACS answers a query with something else", code="pacs")
        return found


def _uid(found: object, tag: str) -> str:
    values = found.get(tag, {}).get("Value") if isinstance(found, dict) else None
    if not values:
        raise PermanentError("the PACS answers a query without UIDs", code="pacs")
    return str(values[0])
