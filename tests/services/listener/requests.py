"""C-STORE requests for tests, made from datasets as pynetdicom would deliver them."""

import struct

from pydicom.dataset import Dataset
from pynetdicom.dsutils import encode

from services.listener.instance import StoreRequest
from shared.db.ingest import Sender

SENDER = Sender(calling_ae_title="PACS", called_ae_title="CUTIS", peer_address="127.0.0.1")


def request_of(dataset: Dataset, **command: str) -> StoreRequest:
    """Return the request that would carry ``dataset``; ``command`` overrides its UIDs."""
    syntax = dataset.file_meta.TransferSyntaxUID
    data_set = encode(
        dataset,
        is_implicit_vr=syntax.is_implicit_VR,
        is_little_endian=syntax.is_little_endian,
    )
    assert data_set is not None
    return StoreRequest(
        sop_class_uid=command.get("sop_class_uid", str(dataset.SOPClassUID)),
        sop_instance_uid=command.get("sop_instance_uid", str(dataset.SOPInstanceUID)),
        transfer_syntax_uid=str(syntax),
        data_set=data_set,
    )


def element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """Encode one element in explicit VR little endian; ``length`` may lie."""
    size = len(value) if length is None else length
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in (b"OB", b"OD", b"OF", b"OW", b"SQ", b"UN", b"UT"):
        return head + struct.pack("<HL", 0, size) + value
    return head + struct.pack("<H", size) + value


def item(content: bytes) -> bytes:
    """Encode one sequence item of defined length."""
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content
