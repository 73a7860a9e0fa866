"""DICOM status: what a failure of C-STORE or STOW-RS means for the job (PS3.7 C, PS3.4 B.2.3)."""

from shared.errors import AwayError, CutisError, PermanentError

_LOGIN = 0x0124  # not authorised
_TROUBLE = frozenset({0x0110, 0x0210, 0x0211, 0x0212, 0x0213})
"""Processing failure, and what only a confused peer says: none tells of the object."""


def error_of_status(status: int) -> CutisError:
    """Return the error for a status that is neither success nor a warning.

    What is about the object (0xA9xx, 0xCxxx, a class or value refused) ends the job; where the PACS
    is short of something or turns us away, the job waits.
    """
    if status >> 8 == 0xA7:
        return AwayError("the PACS is out of resources", code="pacs-trouble")
    if status == _LOGIN:
        return AwayError("the PACS does not authorise us", code="pacs-login")
    if status in _TROUBLE:
        return AwayError(f"the PACS is in trouble (0x{status:04X})", code="pacs-trouble")
    return PermanentError(f"the PACS refuses the request (0x{status:04X})", code="pacs-refused")
