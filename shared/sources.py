"""Sources: where the images of a job lie on the spool."""

from collections.abc import Iterable
from pathlib import Path

from shared.db.tables import Instance
from shared.errors import AwayError, TransientError
from shared.spool import Spool


def source_paths(
    spool: Spool, instances: Iterable[Instance], *, may_come_back: bool
) -> dict[str, Path]:
    """Return the file of each instance, by SOP Instance UID.

    Raises
    ------
    AwayError, TransientError
        ``source-removed``: retention removed one, or its file is lost. A waiting job has the
        reconciler fetch it from the PACS again; while it ``may_come_back`` that is waited for and
        counts as no failure.
    """
    paths = {}
    for one in instances:
        path = None if one.spool_key is None else spool.path(one.spool_key)
        if path is None or not path.is_file():
            raise (AwayError if may_come_back else TransientError)(
                "the source images were removed from the spool, or lost, and are not back yet: they"
                " are fetched from the PACS where that is set up, else send the study again and"
                " retry",
                code="source-removed",
            )
        paths[one.sop_instance_uid] = path
    return paths
