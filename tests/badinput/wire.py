"""DICOM upper layer, byte by byte (PS3.8 section 9.3): says what no library would let us say."""

import contextlib
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from services.listener.instance import StoreRequest

VERIFICATION = "1.2.840.10008.1.1"
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"
FRAGMENT = 16_000

Context = tuple[int, str, tuple[str, ...]]
"""Presentation context id, abstract syntax, transfer syntaxes."""

CUT = "cut"
"""The listener ended the connection, with or without an A-ABORT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """One PDU that was received."""

    kind: int
    body: bytes


class Peer:
    """One connection to a listener."""

    def __init__(self, port: int, *, source: str = "127.0.0.1", timeout: float = 30) -> None:
        where = ("127.0.0.1", port)
        self._socket = socket.create_connection(where, timeout, source_address=(source, 0))
        self._timeout = timeout
        self.accepted: dict[int, str] = {}

    def __enter__(self) -> "Peer":
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, content: bytes) -> None:
        """Send bytes as they are; a listener that hung up meanwhile is seen when reading."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(content)

    def receive(self) -> Pdu | None:
        """Return the next PDU, or ``None`` when the listener hung up."""
        head = self._exactly(6)
        if head is None:
            return None
        kind, length = struct.unpack(">BxL", head)
        body = self._exactly(length)
        return None if body is None else Pdu(kind=kind, body=body)

    def associate(self, request: bytes) -> str:
        """Send an A-ASSOCIATE-RQ; return ``accepted``, ``reject …`` or ``cut``."""
        self.send(request)
        answer = self.receive()
        if answer is None or answer.kind == 7:
            return CUT
        if answer.kind == 3:
            return "reject {}/{}/{}".format(*answer.body[1:4])
        assert answer.kind == 2, answer
        self.accepted = _accepted(answer.body)
        return "accepted" if self.accepted else "no context"

    def answer(self) -> str:
        """Return what comes next: a DIMSE status as four hex digits, ``released`` or ``cut``."""
        pdu = self.receive()
        if pdu is None or pdu.kind == 7:
            return CUT
        if pdu.kind == 6:
            return "released"
        assert pdu.kind == 4, pdu
        return _status(pdu.body[6:])

    def store(self, request: StoreRequest, context_id: int = 1) -> str:
        """Send one C-STORE; return its status or ``cut``."""
        command = store_command(request.sop_class_uid, request.sop_instance_uid)
        self.send(p_data(context_id, command, is_command=True))
        parts = [
            request.data_set[at : at + FRAGMENT] for at in range(0, len(request.data_set), FRAGMENT)
        ]
        for number, part in enumerate(parts or [b""], 1):
            self.send(p_data(context_id, part, last=number >= len(parts)))
        return self.answer()

    def release(self) -> None:
        """Ask for the release and wait for its answer."""
        self.send(pdu(5, bytes(4)))
        self.receive()

    def half_close(self) -> None:
        """Say that nothing more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def hung_up(self) -> bool:
        """Say whether the listener ended the connection."""
        self._socket.setblocking(False)
        try:
            return self._socket.recv(1, socket.MSG_PEEK) in {b"", b"\x07"}
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        finally:
            self._socket.settimeout(self._timeout)

    def _exactly(self, size: int) -> bytes | None:
        received = b""
        while len(received) < size:
            try:
                part = self._socket.recv(size - len(received))
            except ConnectionResetError:
                return None
            if not part:
                return None
            received += part
        return received


def send_to(port: int, request: StoreRequest, *, calling: bytes = b"PACS") -> str:
    """Store one instance in an association of its own; return what it was answered."""
    context = (1, request.sop_class_uid, (request.transfer_syntax_uid,))
    with Peer(port) as peer:
        answer = peer.associate(associate_request((context,), calling=calling))
        if answer != "accepted":
            return answer
        answer = peer.store(request)
        if answer != "cut":
            peer.release()
        return answer


def pdu(kind: int, body: bytes, length: int | None = None) -> bytes:
    """Return one PDU; ``length`` may lie."""
    return struct.pack(">BxL", kind, len(body) if length is None else length) + body


def associate_request(
    contexts: Sequence[Context],
    *,
    calling: bytes = b"PACS",
    called: bytes = b"CUTIS",
    application_context: str = APPLICATION_CONTEXT,
    version: int = 1,
    longest_pdu: int = 16384,
    more: bytes = b"",
) -> bytes:
    """Return an A-ASSOCIATE-RQ (PS3.8 table 9-11)."""
    body = struct.pack(">Hxx16s16s32x", version, called.ljust(16), calling.ljust(16))
    body += _item(0x10, application_context.encode())
    for context_id, abstract, syntaxes in contexts:
        inner = _item(0x30, abstract.encode())
        inner += b"".join(_item(0x40, one.encode()) for one in syntaxes)
        body += _item(0x20, struct.pack("B3x", context_id) + inner)
    user = _item(0x51, struct.pack(">L", longest_pdu)) + _item(0x52, b"1.2.3.4") + more
    return pdu(1, body + _item(0x50, user))


def p_data(
    context_id: int,
    fragment: bytes,
    *,
    is_command: bool = False,
    last: bool = True,
    length: int | None = None,
) -> bytes:
    """Return a P-DATA-TF with one PDV; ``length`` of the PDV may lie."""
    header = bytes([context_id, is_command | last << 1])
    size = len(fragment) + 2 if length is None else length
    return pdu(4, struct.pack(">L", size) + header + fragment)


def command_set(*elements: tuple[int, bytes]) -> bytes:
    """Return a command set: implicit VR little endian, with its group length (PS3.7 6.3)."""
    content = b"".join(_command_element(number, value) for number, value in elements)
    return _command_element(0, struct.pack("<L", len(content))) + content


def store_command(sop_class_uid: str, sop_instance_uid: str, *, has_data_set: bool = True) -> bytes:
    """Return a C-STORE-RQ (PS3.7 9.3.1.1)."""
    return command_set(
        (0x0002, uid_bytes(sop_class_uid)),
        (0x0100, struct.pack("<H", 1)),
        (0x0110, struct.pack("<H", 7)),
        (0x0700, struct.pack("<H", 0)),
        (0x0800, struct.pack("<H", 1 if has_data_set else 0x0101)),
        (0x1000, uid_bytes(sop_instance_uid)),
    )


def echo_command() -> bytes:
    """Return a C-ECHO-RQ (PS3.7 9.3.5.1)."""
    return command_set(
        (0x0002, uid_bytes(VERIFICATION)),
        (0x0100, struct.pack("<H", 0x30)),
        (0x0110, struct.pack("<H", 7)),
        (0x0800, struct.pack("<H", 0x0101)),
    )


def uid_bytes(uid: str) -> bytes:
    """Return a UID padded to even length."""
    content = uid.encode("latin-1")
    return content + b"\0" * (len(content) % 2)


def _item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(content)) + content


def _command_element(number: int, value: bytes) -> bytes:
    return struct.pack("<HHL", 0, number, len(value)) + value


def _accepted(body: bytes) -> dict[int, str]:
    found: dict[int, str] = {}
    at = 68
    while at + 4 <= len(body):
        kind, length = struct.unpack_from(">BxH", body, at)
        content = body[at + 4 : at + 4 + length]
        if kind == 0x21 and content[2] == 0:
            found[content[0]] = content[8:].decode().rstrip("\0")
        at += 4 + length
    return found


def _status(command: bytes) -> str:
    at = 0
    while at + 8 <= len(command):
        _, number, length = struct.unpack_from("<HHL", command, at)
        if number == 0x0900:
            return f"{struct.unpack_from('<H', command, at + 8)[0]:04X}"
        at += 8 + length
    return "no status"
