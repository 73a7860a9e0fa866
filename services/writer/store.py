"""Store: each result reaches the PACS once, and is done only when the PACS shows it."""

from services.writer.results import BuiltResult
from shared.errors import TransientError
from shared.pacs import Pacs


def store_result(pacs: Pacs, result: BuiltResult) -> bool:
    """Store ``result`` unless the PACS has it already; return whether it was stored now.

    Exists means done, whatever its bytes: inference on a GPU is not the same to the last bit
    twice, and a clinician may have looked at the first result already.

    Raises
    ------
    TransientError
        The PACS took the instance but does not show it (``not-visible``), or is unwell.
    """
    where = (result.study_instance_uid, result.series_instance_uid, result.sop_instance_uid)
    if pacs.has(*where):
        return False
    pacs.store(result.content)
    if not pacs.has(*where):
        raise TransientError("the PACS does not show what it took", code="not-visible")
    return True
