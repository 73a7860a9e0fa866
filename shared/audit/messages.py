"""Messages: one event row as an audit message of DICOM PS3.15 A.5 (2024b).

No patient identity: patients and persons are never named, studies and jobs by UID and id only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring  # only writes: nothing is parsed

SOURCE = "cutis"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedEvent:
    """An event row and the UID of the study it is about, if any."""

    id: int
    at: datetime
    name: str
    study_instance_uid: str = ""
    job_id: str = ""
    details: Mapping[str, Any]


class Code(NamedTuple):
    """A code of PS3.16 D, scheme DCM."""

    value: str
    meaning: str


class _Kind(NamedTuple):
    event: Code
    action: str  # C R U D E: create, read, update, delete, execute
    outcome: int = 0  # 0 success, 4 minor, 8 serious, 12 major failure
    type: Code | None = None


_APPLICATION = Code("110100", "Application Activity")
_TRANSFERRED = Code("110104", "DICOM Instances Transferred")
_DELETED = Code("110105", "DICOM Study Deleted")
_ALERT = Code("110113", "Security Alert")
_LOGIN = Code("110114", "User Authentication")
_PROCEDURE = Code("110109", "Procedure Record")

KINDS: Mapping[str, _Kind] = {
    "ProcessStarted": _Kind(_APPLICATION, "E", type=Code("110120", "Application Start")),
    "ProcessStopped": _Kind(_APPLICATION, "E", type=Code("110121", "Application Stop")),
    "ProcessForgotten": _Kind(_APPLICATION, "E", 8, Code("110121", "Application Stop")),
    "StudyReceived": _Kind(_TRANSFERRED, "C"),
    "InstanceQuarantined": _Kind(_TRANSFERRED, "C", 4),
    "SourcesRemoved": _Kind(_DELETED, "D"),
    "ResultsWritten": _Kind(_TRANSFERRED, "R"),
    "SenderRefused": _Kind(_ALERT, "E", 4, Code("110126", "Node Authentication")),
    "KeyRefused": _Kind(_LOGIN, "E", 4, Code("110122", "Login")),
    "JobRetried": _Kind(_PROCEDURE, "U"),
    "JobCancelled": _Kind(_PROCEDURE, "U"),
    "QueuePaused": _Kind(_PROCEDURE, "U"),
    "QueueResumed": _Kind(_PROCEDURE, "U"),
    "QuarantineReleased": _Kind(_PROCEDURE, "U"),
    "QuarantineDiscarded": _Kind(_PROCEDURE, "D"),
}
"""What is audited; other event rows stay in the database only."""


def audit_message(event: AuditedEvent, host: str) -> bytes | None:
    """Return the message about ``event`` in UTF-8, or None where nothing is to be audited."""
    kind = KINDS.get(event.name)
    if kind is None:
        return None
    root = Element("AuditMessage")
    identification = SubElement(
        root,
        "EventIdentification",
        EventActionCode=kind.action,
        EventDateTime=event.at.isoformat(timespec="milliseconds"),
        EventOutcomeIndicator=str(kind.outcome),
    )
    _code(identification, "EventID", kind.event)
    if kind.type is not None:
        _code(identification, "EventTypeCode", kind.type)
    _participants(root, event, kind, host)
    source = SubElement(root, "AuditSourceIdentification", AuditSourceID=f"{SOURCE}@{host}")
    SubElement(source, "AuditSourceTypeCode", {"csd-code": "4"})  # application server process
    _objects(root, event, kind)
    message: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return message


def _participants(root: Element, event: AuditedEvent, kind: _Kind, host: str) -> None:
    details = event.details
    us = {"UserID": SOURCE, "UserIsRequestor": "false", "NetworkAccessPointID": host}
    peer = str(details.get("peer_address", ""))
    title = str(details.get("calling_ae_title", ""))
    person = str(details.get("by", ""))
    if kind.event is _TRANSFERRED:
        sender, receiver = Code("110153", "Source Role ID"), Code("110152", "Destination Role ID")
        ours, theirs = (sender, receiver) if kind.action == "R" else (receiver, sender)
        _participant(root, {**us, "UserIsRequestor": "false"}, ours)
        other = {"UserID": title or "PACS", "UserIsRequestor": "true"}
        _participant(root, _at(other, peer), theirs)
        return
    if kind.event is _APPLICATION:
        process = str(details.get("process", SOURCE))
        _participant(root, {**us, "UserID": process}, Code("110150", "Application"))
        return
    _participant(root, us, Code("110150", "Application"))
    if person or title or peer:
        other = {"UserID": person or title or "unknown", "UserIsRequestor": "true"}
        _participant(root, _at(other, peer), None)


def _at(attributes: dict[str, str], peer: str) -> dict[str, str]:
    # 2: an IP address (PS3.15 A.5.2.2)
    more = {"NetworkAccessPointID": peer, "NetworkAccessPointTypeCode": "2"}
    return {**attributes, **more} if peer else attributes


def _participant(root: Element, attributes: dict[str, str], role: Code | None) -> None:
    if "NetworkAccessPointTypeCode" not in attributes and "NetworkAccessPointID" in attributes:
        attributes = {**attributes, "NetworkAccessPointTypeCode": "1"}  # 1: a machine name
    participant = SubElement(root, "ActiveParticipant", attributes)
    if role is not None:
        _code(participant, "RoleIDCode", role)


def _objects(root: Element, event: AuditedEvent, kind: _Kind) -> None:
    if event.study_instance_uid:
        _object(root, event.study_instance_uid, ("2", "3"), Code("110180", "Study Instance UID"))
    if event.job_id:
        _object(root, event.job_id, ("2", "20"), Code("9", "Report Number"), scheme="RFC-3881")
    if queue := event.details.get("queue"):  # 21: job stream
        _object(root, f"queue {queue}", ("2", "21"), Code("12", "URI"), scheme="RFC-3881")
    if digest := event.details.get("sha256"):
        _object(root, str(digest), ("2", "3"), Code("12", "URI"), scheme="RFC-3881")
    if kind.event is _ALERT or kind.outcome:
        alert = _object(root, f"event {event.id}", ("2", "13"), Code("110182", "Node ID"))
        reason = str(event.details.get("reason") or event.details.get("code") or event.name)
        SubElement(alert, "ParticipantObjectDescription").text = reason


def _object(
    root: Element, name: str, types: tuple[str, str], kind: Code, scheme: str = "DCM"
) -> Element:
    made = SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=name,
        ParticipantObjectTypeCode=types[0],
        ParticipantObjectTypeCodeRole=types[1],
    )
    _code(made, "ParticipantObjectIDTypeCode", kind, scheme)
    return made


def _code(parent: Element, name: str, code: Code, scheme: str = "DCM") -> None:
    attributes = {"csd-code": code.value, "codeSystemName": scheme, "originalText": code.meaning}
    SubElement(parent, name, attributes)
