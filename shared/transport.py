"""Transport: pynetdicom's associations, whose sockets are closed when they end."""

import ssl
from typing import Any

from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.transport import AddressInformation, AssociationSocket

from shared.deadline import Deadline


class Requestor(ApplicationEntity):
    """An application entity that asks for associations and closes every socket it opens.

    ``deadline`` breaks its connections, where one is given.
    """

    def __init__(self, ae_title: str, deadline: Deadline | None = None) -> None:
        super().__init__(ae_title=ae_title)
        self._deadline = deadline

    def associate(self, *where: Any, **how: Any) -> Association:
        """Return the association, rejected also where the peer was fast to reject it.

        pynetdicom 3.0 asks whether the connection came up once it may be over again: a rejection
        (PS3.8 9.3.4) that came in between lies unread, and looks as if nobody had answered.
        """
        association = super().associate(*where, **how)
        unread = association.dul.peek_next_pdu()
        if isinstance(unread, A_ASSOCIATE) and unread.result:
            association.is_rejected, association.is_aborted = True, False
            association.acceptor.primitive = unread
        return association

    def _create_socket(
        self,
        assoc: Association,
        address: AddressInformation,
        tls_args: tuple[ssl.SSLContext, str] | None,
    ) -> AssociationSocket:
        transport = super()._create_socket(assoc, address, tls_args)
        close_always(transport)
        if self._deadline is not None and transport.socket is not None:
            self._deadline.watch(transport.socket)
        return transport


def close_always(transport: AssociationSocket) -> None:
    """Make ``transport`` close its socket also when the peer was faster.

    pynetdicom 3.0 leaves the socket open when its ``shutdown`` fails, which it does whenever the
    peer is gone or never came: the descriptor then lives until the garbage collector finds it.
    """
    shut_down = transport._shutdown_socket  # noqa: SLF001  # pynetdicom has no hook for it

    def close() -> None:
        connection = transport.socket
        shut_down()
        if connection is not None:
            connection.close()

    transport._shutdown_socket = close  # type: ignore[method-assign]  # noqa: SLF001
