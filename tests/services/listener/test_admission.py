"""Who is let in is decided by title and address together."""

from ipaddress import ip_network

import pytest

from services.listener.admission import (
    NOT_OUR_TITLE,
    TOO_MANY,
    UNKNOWN_ADDRESS,
    UNKNOWN_TITLE,
    Admission,
    Refusal,
)
from services.listener.settings import ListenerSettings
from shared.db.ingest import Sender


def admission(titles: tuple[str, ...] = ("PACS",), addresses: str = "10.0.0.0/8") -> Admission:
    return Admission(
        ae_title="CUTIS",
        allowed_ae_titles=titles,
        allowed_addresses=(ip_network(addresses),),
        max_associations=2,
    )


def sender(calling: str = "PACS", called: str = "CUTIS", address: str = "10.1.2.3") -> Sender:
    return Sender(calling_ae_title=calling, called_ae_title=called, peer_address=address)


@pytest.mark.parametrize(
    ("who", "open_associations", "expected"),
    [
        (sender(), 0, None),
        (sender(address="::ffff:10.1.2.3"), 0, None),
        (sender(calling="OTHER"), 0, UNKNOWN_TITLE),
        (sender(calling="pacs"), 0, UNKNOWN_TITLE),
        (sender(called="ORTHANC"), 0, NOT_OUR_TITLE),
        (sender(address="11.1.2.3"), 0, UNKNOWN_ADDRESS),
        (sender(address="fe80::1"), 0, UNKNOWN_ADDRESS),
        (sender(), 2, TOO_MANY),
    ],
)
def test_a_sender_is_admitted_only_by_title_and_address(
    who: Sender, open_associations: int, expected: Refusal | None
) -> None:
    assert admission().refusal(who, open_associations) is expected


def test_an_empty_list_lets_nobody_in() -> None:
    assert admission(titles=()).refusal(sender(), 0) is UNKNOWN_TITLE


def test_lists_are_read_from_the_environment_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUTIS_LISTENER_ALLOWED_AE_TITLES", "PACS, ORTHANC,")
    monkeypatch.setenv("CUTIS_LISTENER_ALLOWED_ADDRESSES", "10.0.0.0/8,192.168.1.7")
    settings = ListenerSettings()
    assert settings.allowed_ae_titles == ("PACS", "ORTHANC")
    assert [str(one) for one in settings.allowed_addresses] == ["10.0.0.0/8", "192.168.1.7/32"]
