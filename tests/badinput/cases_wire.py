"""Conversations that break the rules of association, PDU or DIMSE. Each returns what it saw."""

import os
import socket
import struct
import time
from collections.abc import Callable, Mapping

from pydicom.uid import MPEG4HP41, DeflatedExplicitVRLittleEndian

from tests.badinput.surgery import photo
from tests.badinput.wire import (
    CUT,
    EXPLICIT,
    VERIFICATION,
    Context,
    Peer,
    associate_request,
    command_set,
    echo_command,
    p_data,
    pdu,
    store_command,
    uid_bytes,
)

PHOTO = "1.2.840.10008.5.1.4.1.1.77.1.4"
PHOTO_CONTEXT: Context = (1, PHOTO, (EXPLICIT,))
ECHO_CONTEXT: Context = (3, VERIFICATION, (EXPLICIT,))

Conversation = Callable[[Peer], str]


def wire_cases() -> Mapping[str, Conversation]:
    """Return the conversations by name."""
    return {**_requests(), **_contexts(), **_noise(), **_messages(), **_commands()}


def _requests() -> dict[str, Conversation]:
    def asked(*contexts: Context, **how: object) -> Conversation:
        request = associate_request(contexts or (PHOTO_CONTEXT,), **how)  # type: ignore[arg-type]
        return lambda peer: peer.associate(request)

    good = associate_request((PHOTO_CONTEXT,))
    many = tuple((1 + 2 * one, PHOTO, (EXPLICIT,)) for one in range(127))
    return {
        "called-title-not-ours": asked(called=b"ORTHANC"),
        "calling-title-unknown": asked(calling=b"STRANGER"),
        "calling-title-empty": asked(calling=b""),
        "calling-title-of-nulls": asked(calling=bytes(16)),
        "calling-title-of-high-bytes": asked(calling=b"\xff" * 16),
        "calling-title-with-newline": asked(calling=b"PACS\n{}"),
        "calling-title-of-other-case": asked(calling=b"pacs"),
        "protocol-version-2": asked(version=2),
        "application-context-unknown": asked(application_context="1.2.3"),
        "application-context-garbage": asked(application_context="\x00\xff" * 20),
        "no-contexts": lambda peer: peer.associate(associate_request(())),
        "contexts-127": asked(*many),
        "context-id-even": asked((2, PHOTO, (EXPLICIT,))),
        "context-id-twice": asked(PHOTO_CONTEXT, PHOTO_CONTEXT),
        "context-uid-garbage": asked((1, "\xe4" * 30, (EXPLICIT,))),
        "context-without-transfer-syntax": asked((1, PHOTO, ())),
        "longest-pdu-1": asked(longest_pdu=1),
        "unknown-user-item": asked(more=struct.pack(">BxH", 0x7F, 4) + b"abcd"),
        "user-item-past-end": asked(more=struct.pack(">BxH", 0x52, 4000) + b"1.2"),
        "request-cut-and-closed": lambda peer: _half_closed(peer, good[: len(good) // 2]),
        "request-of-200-kilobytes": lambda peer: peer.associate(pdu(1, bytes(200_000))),
        "request-shorter-than-its-fields": lambda peer: peer.associate(pdu(1, bytes(10))),
        "request-twice": lambda peer: _then(peer, good, good),
    }


def _contexts() -> dict[str, Conversation]:
    def refused(abstract: str, syntax: str) -> Conversation:
        request = associate_request(((1, abstract, (syntax,)), ECHO_CONTEXT))

        def converse(peer: Peer) -> str:
            assert peer.associate(request) == "accepted"
            return "context taken" if 1 in peer.accepted else "context refused"

        return converse

    return {
        "deflated": refused(PHOTO, DeflatedExplicitVRLittleEndian),
        "transfer-syntax-unknown": refused(PHOTO, "1.2.3.999"),
        "video": refused(PHOTO, MPEG4HP41),
        "private-sop-class": refused("1.2.3.4.5.6.7", EXPLICIT),
        "media-directory": refused("1.2.840.10008.1.3.10", EXPLICIT),
        "query-sop-class": refused("1.2.840.10008.5.1.4.1.2.2.1", EXPLICIT),
    }


def _noise() -> dict[str, Conversation]:
    def said(content: bytes) -> Conversation:
        def converse(peer: Peer) -> str:
            peer.send(content)
            return peer.answer()

        return converse

    hello = bytes.fromhex("16030100c8010000c40303") + os.urandom(190)
    return {
        "silence": said(b""),
        "one-byte": said(b"\x01"),
        "half-a-header": said(b"\x01\x00\x00"),
        "half-a-pdu": said(b"\x01\x00" + struct.pack(">L", 200) + b"\x00\x01"),
        "pdu-of-4-gib": said(pdu(4, bytes(100), 0xFFFFFFFF)),
        "request-of-4-gib": said(pdu(1, bytes(100), 0xFFFFFFFF)),
        "http": said(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        "tls-hello": said(hello),
        "ssh-banner": said(b"SSH-2.0-OpenSSH_9.6\r\n"),
        "all-byte-values": said(bytes(range(256))),
        "zeros-on-the-wire": said(bytes(4096)),
        "ones-on-the-wire": said(b"\xff" * 4096),
        "unknown-pdu-type": said(pdu(9, bytes(10))),
        "data-before-association": said(p_data(1, echo_command(), is_command=True)),
        "release-before-association": said(pdu(5, bytes(4))),
        "accept-sent-by-requestor": said(pdu(2, bytes(100))),
        "reject-sent-by-requestor": said(pdu(3, bytes(4))),
        "abort-before-association": said(pdu(7, bytes(4))),
        "dripping-request": lambda peer: _drip(peer, associate_request((PHOTO_CONTEXT,))),
    }


def _messages() -> dict[str, Conversation]:
    def spoken(*parts: bytes) -> Conversation:
        return lambda peer: _then(peer, associate_request((PHOTO_CONTEXT, ECHO_CONTEXT)), *parts)

    good = photo("wire")
    store = p_data(1, store_command(good.sop_class_uid, good.sop_instance_uid), is_command=True)
    data = p_data(1, good.data_set)
    return {
        "context-never-proposed": spoken(p_data(99, echo_command(), is_command=True)),
        "context-id-0": spoken(p_data(0, echo_command(), is_command=True)),
        "store-on-echo-context": spoken(
            p_data(3, store_command(PHOTO, "1.2.3"), is_command=True), p_data(3, good.data_set)
        ),
        "data-without-command": spoken(data),
        "command-on-one-context-data-on-another": spoken(store, p_data(3, good.data_set)),
        "pdv-longer-than-its-pdu": spoken(p_data(1, b"abcd", is_command=True, length=4000)),
        "pdv-of-length-0": spoken(p_data(1, b"", is_command=True, length=0)),
        "pdv-of-length-1": spoken(pdu(4, struct.pack(">L", 1) + b"\x01")),
        "data-pdu-without-pdv": spoken(pdu(4, b"")),
        "data-pdu-over-the-longest": spoken(p_data(1, bytes(200_000), is_command=True)),
        "store-and-no-data": spoken(store),
        "store-and-half-the-data": spoken(store, p_data(1, good.data_set[:100], last=False)),
        "abort-in-the-middle": spoken(store, pdu(7, bytes(4))),
        "release-in-the-middle": spoken(store, pdu(5, bytes(4))),
        "association-inside-association": spoken(associate_request((PHOTO_CONTEXT,))),
        "second-store-inside-the-first": spoken(store, store, data),
        "flood-of-echoes": _flood,
        "dripping-data": lambda peer: _drip(peer, store + data, associated=True),
    }


def _commands() -> dict[str, Conversation]:
    def commanded(command: bytes, *parts: bytes) -> Conversation:
        request = associate_request((PHOTO_CONTEXT, ECHO_CONTEXT))
        return lambda peer: _then(peer, request, p_data(1, command, is_command=True), *parts)

    field, message = (0x0100, struct.pack("<H", 1)), (0x0110, struct.pack("<H", 7))
    data = p_data(1, photo("wire-command").data_set)
    has_data, sop_class = (0x0800, struct.pack("<H", 1)), (0x0002, uid_bytes(PHOTO))
    bare = store_command(PHOTO, "1.2.3", has_data_set=False)
    return {
        "command-garbage": commanded(os.urandom(100)),
        "command-empty": commanded(b""),
        "command-cut": commanded(store_command(PHOTO, "1.2.3")[:-6], data),
        "command-length-past-end": commanded(struct.pack("<HHL", 0, 2, 0x7FFFFFFF) + b"1.2"),
        "command-without-message-id": commanded(command_set(sop_class, field, has_data), data),
        "command-without-instance-uid": commanded(
            command_set(sop_class, field, message, has_data), data
        ),
        "command-without-class-uid": commanded(
            command_set(field, message, has_data, (0x1000, b"1.2\0")), data
        ),
        "command-field-unknown": commanded(
            command_set((0x0100, b"\x77\x77"), message, (0x0800, b"\x01\x01"))
        ),
        "command-is-an-answer": commanded(
            command_set((0x0100, b"\x01\x80"), (0x0120, b"\x07\x00"), (0x0800, b"\x01\x01"))
        ),
        "command-is-a-find": commanded(
            command_set(sop_class, (0x0100, b"\x20\x00"), message, has_data), data
        ),
        "store-that-promises-no-data": commanded(bare),
        "message-id-of-4-bytes": commanded(
            command_set(sop_class, field, (0x0110, bytes(4)), has_data, (0x1000, b"1.2\0")), data
        ),
    }


def _then(peer: Peer, request: bytes, *parts: bytes) -> str:
    answer = peer.associate(request)
    if answer != "accepted":
        return answer
    for one in parts:
        peer.send(one)
    return peer.answer()


def _flood(peer: Peer) -> str:
    echo = p_data(3, echo_command(), is_command=True)
    answer = _then(peer, associate_request((ECHO_CONTEXT,)), echo * 300)
    return "answered or cut" if answer in {"0000", CUT} else answer


def _half_closed(peer: Peer, content: bytes) -> str:
    peer.send(content)
    peer.half_close()
    return peer.answer()


def _drip(peer: Peer, content: bytes, *, associated: bool = False) -> str:
    if associated and peer.associate(associate_request((PHOTO_CONTEXT,))) != "accepted":
        return "not associated"
    for number in range(60):
        peer.send(content[number : number + 1])
        time.sleep(0.1)
        if peer.hung_up():
            return CUT
    return "still open"


def connections(port: int, number: int, sources: int) -> list[socket.socket]:
    """Open many connections from ``sources`` addresses of this machine."""
    return [
        socket.create_connection(
            ("127.0.0.1", port), 30, source_address=(f"127.0.0.{2 + one % sources}", 0)
        )
        for one in range(number)
    ]
