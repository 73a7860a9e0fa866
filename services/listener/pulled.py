"""Pulled: a file out of an archive, as the C-STORE request that would have carried it."""

import io
import struct

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from services.listener.instance import StoreRequest
from shared.errors import BadInputError


def request_of_file(content: bytes) -> StoreRequest:
    """Take the archive's file meta (PS3.10 7.1) off; what follows it is the data set as it is.

    Raises
    ------
    BadInputError
        ``unreadable``: these bytes are not a Part 10 file.
    """
    try:
        group, element, vr, _, length = _GROUP_LENGTH.unpack_from(content, _PREAMBLE)
        if content[128:132] != b"DICM" or (group, element, vr) != (2, 0, b"UL"):
            raise BadInputError("the archive's file is not Part 10", code="unreadable")
        end = _PREAMBLE + _GROUP_LENGTH.size + length
        meta = dcmread(io.BytesIO(content[:end])).file_meta
        return StoreRequest(
            sop_class_uid=str(meta.MediaStorageSOPClassUID),
            sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
            transfer_syntax_uid=str(meta.TransferSyntaxUID),
            data_set=content[end:],
        )
    except _PARSE_ERRORS as error:
        raise BadInputError("the archive's file meta is broken", code="unreadable") from error


_PREAMBLE = 132
_GROUP_LENGTH = struct.Struct("<HH2sHL")

_PARSE_ERRORS = (
    AttributeError,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
    struct.error,
)
