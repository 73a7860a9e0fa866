"""Audit messages against the structure that PS3.15 A.5.1 (RELAX NG) prescribes."""

from datetime import UTC, datetime
from xml.etree.ElementTree import Element, fromstring

import pytest

from shared.audit.messages import KINDS, AuditedEvent, audit_message

# Element: attributes that must be there, those that may, and children with how often: 1 ? + *.
CODE: tuple[set[str], set[str], dict[str, str]] = (
    {"csd-code", "codeSystemName", "originalText"},
    {"displayName"},
    {},
)
SCHEMA: dict[str, tuple[set[str], set[str], dict[str, str]]] = {
    "AuditMessage": (
        set(),
        set(),
        {
            "EventIdentification": "1",
            "ActiveParticipant": "+",
            "AuditSourceIdentification": "1",
            "ParticipantObjectIdentification": "*",
        },
    ),
    "EventIdentification": (
        {"EventActionCode", "EventDateTime", "EventOutcomeIndicator"},
        set(),
        {"EventID": "1", "EventTypeCode": "*", "EventOutcomeDescription": "?"},
    ),
    "ActiveParticipant": (
        {"UserID", "UserIsRequestor"},
        {"AlternativeUserID", "UserName", "NetworkAccessPointID", "NetworkAccessPointTypeCode"},
        {"RoleIDCode": "*"},
    ),
    "AuditSourceIdentification": (
        {"AuditSourceID"},
        {"AuditEnterpriseSiteID"},
        {"AuditSourceTypeCode": "*"},
    ),
    "ParticipantObjectIdentification": (
        {"ParticipantObjectID", "ParticipantObjectTypeCode"},
        {"ParticipantObjectTypeCodeRole", "ParticipantObjectDataLifeCycle"},
        {"ParticipantObjectIDTypeCode": "1", "ParticipantObjectDescription": "*"},
    ),
    "EventID": CODE,
    "EventTypeCode": CODE,
    "RoleIDCode": CODE,
    "ParticipantObjectIDTypeCode": CODE,
    "AuditSourceTypeCode": ({"csd-code"}, {"codeSystemName", "originalText"}, {}),
    "ParticipantObjectDescription": (set(), set(), {}),
}
VALUES = {
    "EventActionCode": {"C", "R", "U", "D", "E"},
    "EventOutcomeIndicator": {"0", "4", "8", "12"},
    "UserIsRequestor": {"true", "false"},
    "NetworkAccessPointTypeCode": {"1", "2", "3", "4", "5"},
    "ParticipantObjectTypeCode": {"1", "2", "3", "4"},
    "ParticipantObjectTypeCodeRole": {str(number) for number in range(1, 27)},
}


def check(element: Element) -> None:
    needed, allowed, children = SCHEMA[element.tag]
    names = set(element.attrib)
    assert needed <= names <= needed | allowed, (element.tag, names)
    for name, value in element.attrib.items():
        assert value, (element.tag, name)
        assert value in VALUES.get(name, {value}), (name, value)
    tags = [one.tag for one in element]
    assert set(tags) <= set(children), (element.tag, tags)
    assert tags == sorted(tags, key=list(children).index), "the order is part of the schema"
    for name, often in children.items():
        count = tags.count(name)
        assert {"1": count == 1, "?": count <= 1, "+": count >= 1, "*": True}[often], name
    for one in element:
        check(one)


def event(name: str, **details: object) -> AuditedEvent:
    return AuditedEvent(
        id=7,
        at=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        name=name,
        study_instance_uid="1.2.3",
        job_id="0" * 32,
        details=details,
    )


@pytest.mark.parametrize("name", KINDS)
def test_every_audited_event_makes_a_message_of_the_prescribed_structure(name: str) -> None:
    full = event(
        name,
        by="night-shift",
        peer_address="10.0.0.7",
        calling_ae_title='<PACS & "more">',
        reason="it said <no>",
        sha256="0" * 64,
        process="api@host:7",
    )
    bare = AuditedEvent(id=1, at=full.at, name=name, details={})

    for one in (full, bare):
        message = audit_message(one, "host")
        assert message is not None
        check(fromstring(message))


def test_a_message_says_who_did_what_to_which_study_when() -> None:
    message = audit_message(event("JobCancelled", by="night-shift"), "host")

    assert message is not None
    root = fromstring(message)
    identification = root.find("EventIdentification")
    assert identification is not None
    assert identification.attrib["EventDateTime"] == "2026-01-02T03:04:05.678+00:00"
    assert [one.attrib["UserID"] for one in root.iter("ActiveParticipant")] == [
        "cutis",
        "night-shift",
    ]
    objects = [
        one.attrib["ParticipantObjectID"]
        for one in root.iter()
        if one.tag == "ParticipantObjectIdentification"
    ]
    assert objects == ["1.2.3", "0" * 32]


def test_what_retention_removed_is_a_deleted_study() -> None:
    message = audit_message(event("SourcesRemoved", instances=3), "host")

    assert message is not None
    root = fromstring(message)
    assert [one.attrib["csd-code"] for one in root.iter("EventID")] == ["110105"]
    assert root.find("ParticipantObjectIdentification[@ParticipantObjectID='1.2.3']") is not None


def test_other_events_are_not_audited() -> None:
    assert audit_message(event("JobClaimed"), "host") is None
