"""Associations: what a fast peer answers is not missed."""

import ssl
from collections.abc import Iterator

import pytest
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.presentation import VerificationPresentationContexts
from pynetdicom.transport import AddressInformation, AssociationSocket

from services.local.ports import free_ports
from services.local.ready import echo_status
from shared.transport import Requestor


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    (port,) = free_ports({"dicom": 0}).values()
    entity = ApplicationEntity(ae_title="PACS")
    entity.supported_contexts = VerificationPresentationContexts
    entity.require_calling_aet = ["FRIEND"]
    server = entity.start_server(("127.0.0.1", port), block=False)
    assert server is not None
    yield port
    server.shutdown()


class SlowToLook(Requestor):
    """A requestor that asks whether it is connected only after the connection has ended."""

    def _create_socket(
        self,
        assoc: Association,
        address: AddressInformation,
        tls_args: tuple[ssl.SSLContext, str] | None,
    ) -> AssociationSocket:
        transport = super()._create_socket(assoc, address, tls_args)
        connected = transport._ready.wait

        def wait(timeout: float | None = None) -> bool:
            is_ready = connected(timeout)
            assoc.dul.join(timeout=20)
            return is_ready

        transport._ready.wait = wait  # type: ignore[method-assign]
        return transport


@pytest.mark.parametrize("kind", [Requestor, SlowToLook])
def test_a_rejection_is_one_however_fast_it_came(kind: type[Requestor], port: int) -> None:
    entity = kind("STRANGER")
    entity.requested_contexts = VerificationPresentationContexts

    association = entity.associate("127.0.0.1", port, ae_title="PACS")

    assert association.is_rejected
    assert not association.is_established
    assert not association.is_aborted
    answer = association.acceptor.primitive
    assert answer is not None
    assert answer.result == 1, "for good (PS3.8 9.3.4)"


def test_who_is_known_is_let_in_and_who_is_not_is_told_so(port: int) -> None:
    assert echo_status("127.0.0.1", port, "PACS", calling="FRIEND") == ""
    assert "refused STRANGER" in echo_status("127.0.0.1", port, "PACS", calling="STRANGER")
