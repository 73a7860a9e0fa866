"""Sameness: whether bytes that came hold a data set that we know, in another encoding maybe.

A second copy that differs only as :func:`services.listener.structure.content_hash` allows is a
duplicate, not a conflict.
"""

from services.listener.instance import StoreRequest
from services.listener.pulled import request_of_file
from services.listener.structure import content_hash, scan_structure
from shared.errors import BadInputError


def content_digest(content: bytes) -> str:
    """Return the digest of the data set in a Part 10 file; empty where it cannot be read."""
    try:
        return request_digest(request_of_file(content))
    except BadInputError:
        return ""


def request_digest(request: StoreRequest) -> str:
    """Return the digest of the data set of ``request``; empty where it cannot be read."""
    try:
        digest = content_hash(request.transfer_syntax_uid)
        scan_structure(request.data_set, request.transfer_syntax_uid, digest.update)
    except BadInputError:
        return ""
    return digest.hexdigest()
