"""Orthanc: what its own REST API says beyond DICOMweb: what changed, and when.

Asked of Orthanc 1.10 and later. No answer is kept that holds patient identity.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from shared.errors import AwayError, ConfigurationError
from shared.settings import PacsSettings
from shared.web import PacsWeb

PAGE = 200
"""How many changes or studies are asked for at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """A page of the change log: the new instances on it, and the number of its last change."""

    instances: tuple[str, ...]
    last: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldInstance:
    """An instance that Orthanc holds, as far as one can tell without its file."""

    pacs_id: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    size: int
    sender_ae_title: str  # empty when it did not come by DIMSE
    modality: str
    manufacturer: str


class Orthanc:
    """The REST API at ``url``; the credentials and TLS are those of the PACS.

    Every method raises ``AwayError`` when Orthanc is away or in trouble and
    ``ConfigurationError`` when it refuses us or is none.
    """

    def __init__(self, settings: PacsSettings, url: str) -> None:
        self._web = PacsWeb(settings, url)

    def last_change(self) -> int:
        """Return the number of the newest change."""
        return int(self._json("GET", "/changes?last")["Last"])

    def changes(self, since: int) -> Changes:
        """Return a page of what came after change number ``since``."""
        answer = self._json("GET", "/changes", params={"since": since, "limit": PAGE})
        new = (one["ID"] for one in answer["Changes"] if one["ChangeType"] == "NewInstance")
        return Changes(
            instances=tuple(dict.fromkeys(new)), last=int(answer["Last"]), done=answer["Done"]
        )

    def studies_updated_since(self, moment: datetime) -> Iterator[str]:
        """Yield Orthanc's names of the studies whose content changed after ``moment``."""
        since = 0
        while True:
            query = {"expand": "", "since": since, "limit": PAGE}
            studies = self._json("GET", "/studies", params=query)
            yield from (one["ID"] for one in studies if _moment(one) >= moment)
            if len(studies) < PAGE:
                return
            since += PAGE

    def instances_of(self, study: str) -> dict[str, str]:
        """Return the SOP Instance UIDs of a study's instances, by Orthanc's names of them."""
        found = self._json("GET", f"/studies/{study}/instances", missing=[])
        return {one["ID"]: one["MainDicomTags"].get("SOPInstanceUID", "") for one in found}

    def describe(self, pacs_ids: Sequence[str]) -> list[HeldInstance]:
        """Return what Orthanc knows of these instances; those it no longer has are left out."""
        found = self._expand(pacs_ids)
        series = {one["ID"]: one for one in self._expand({one["ParentSeries"] for one in found})}
        return [_held(one, series.get(one["ParentSeries"], {})) for one in found]

    def find(self, sop_instance_uid: str) -> str | None:
        """Return Orthanc's name of an instance, or ``None`` when it has none such."""
        found = self._json("POST", "/tools/lookup", data=sop_instance_uid)
        return next((one["ID"] for one in found if one["Type"] == "Instance"), None)

    def file(self, pacs_id: str) -> bytes | None:
        """Return the Part 10 file of an instance; ``None`` when Orthanc no longer has it."""
        response = self._web.send("GET", f"/instances/{pacs_id}/file")
        if response.status_code == requests.codes.not_found:
            return None
        _check(response)
        return response.content

    def _expand(self, resources: Sequence[str] | set[str]) -> list[Any]:
        if not resources:
            return []
        body = {"Resources": list(resources), "Metadata": True}
        return list(self._json("POST", "/tools/bulk-content", json=body))

    def _json(self, method: str, path: str, *, missing: Any = None, **more: Any) -> Any:
        response = self._web.send(method, path, **more)
        if response.status_code == requests.codes.not_found and missing is not None:
            return missing
        _check(response)
        try:
            return response.json()
        except requests.JSONDecodeError as error:
            raise ConfigurationError("no Orthanc at this address", code="pacs") from error


def _check(response: requests.Response) -> None:
    status = response.status_code
    if status < 300:
        return
    if status in {401, 403}:
        raise ConfigurationError(f"Orthanc refuses our credentials ({status})", code="pacs-login")
    if status in {408, 425, 429} or status >= 500:
        raise AwayError(f"Orthanc is in trouble ({status})", code="pacs-trouble")
    raise ConfigurationError(f"no Orthanc at this address ({status})", code="pacs")


def _held(instance: dict[str, Any], series: dict[str, Any]) -> HeldInstance:
    metadata, tags = instance.get("Metadata", {}), series.get("MainDicomTags", {})
    return HeldInstance(
        pacs_id=instance["ID"],
        sop_instance_uid=instance["MainDicomTags"].get("SOPInstanceUID", ""),
        sop_class_uid=metadata.get("SopClassUid", ""),
        transfer_syntax_uid=metadata.get("TransferSyntax", ""),
        size=int(instance["FileSize"]),
        sender_ae_title=metadata.get("RemoteAET", ""),
        modality=tags.get("Modality", ""),
        manufacturer=tags.get("Manufacturer", ""),
    )


def _moment(study: dict[str, Any]) -> datetime:
    try:
        return datetime.strptime(study["LastUpdate"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except (LookupError, TypeError, ValueError):
        return datetime.max.replace(tzinfo=UTC)  # who knows: compare it
