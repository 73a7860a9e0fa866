"""Sending: C-STORE of files and folders, one association, one answer per file."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context

from services.local.addresses import DicomAddress
from services.local.ready import TOOL_AE_TITLE, is_open
from shared.errors import BadInputError, TransientError
from shared.transport import Requestor

_CONTEXTS_PER_ASSOCIATION = 128  # PS3.8 9.3.2.2: odd numbers from 1 to 255
_META = ["StudyInstanceUID"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A file that can be sent: what it is and how it is encoded."""

    path: Path
    sop_class_uid: str
    transfer_syntax_uid: str
    study_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The answer to one file; ``problem`` is empty when it was stored."""

    path: Path
    study_instance_uid: str
    problem: str = ""


def collect(paths: Iterable[Path]) -> list[Outgoing]:
    """Return every DICOM file in ``paths``; folders are searched, other files there left out.

    Raises
    ------
    BadInputError
        A file that was named is not DICOM, or nothing at all was found.
    """
    found = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.is_file())
            found += [one for one in map(_read, inside) if one is not None]
            continue
        one = _read(path)
        if one is None:
            raise BadInputError(f"{path} is not a DICOM file")
        found.append(one)
    if not found:
        raise BadInputError("no DICOM file there")
    return found


def send(
    files: Sequence[Outgoing], to: DicomAddress, on_sent: Callable[[Sent], None] = lambda _: None
) -> list[Sent]:
    """Send ``files`` by C-STORE as they are, never transcoded; return an answer for each.

    Raises
    ------
    TransientError
        No association: nothing answers there, or it refuses our AE title.
    """
    contexts = _contexts(files)
    results = []
    for start in range(0, len(contexts), _CONTEXTS_PER_ASSOCIATION):
        offered = contexts[start : start + _CONTEXTS_PER_ASSOCIATION]
        wanted = {(one.abstract_syntax, one.transfer_syntax[0]) for one in offered}
        association = _associate(offered, to)
        try:
            for file in files:
                if (file.sop_class_uid, file.transfer_syntax_uid) in wanted:
                    results.append(_store(association, file))
                    on_sent(results[-1])
        finally:
            association.release()
    return results


def _read(path: Path) -> Outgoing | None:
    try:
        dataset = dcmread(path, stop_before_pixels=True, specific_tags=_META)
        return Outgoing(
            path=path,
            sop_class_uid=dataset.file_meta.MediaStorageSOPClassUID,
            transfer_syntax_uid=dataset.file_meta.TransferSyntaxUID,
            study_instance_uid=dataset.StudyInstanceUID,
        )
    except FileNotFoundError as error:
        raise BadInputError(f"{path} does not exist") from error
    except (InvalidDicomError, AttributeError, EOFError):
        return None


def _contexts(files: Sequence[Outgoing]) -> list[PresentationContext]:
    # One context per pair: with several syntaxes in one, the receiver picks, and may pick one
    # that the file is not in.
    pairs = sorted({(one.sop_class_uid, one.transfer_syntax_uid) for one in files})
    return [build_context(*pair) for pair in pairs]


def _associate(contexts: list[PresentationContext], to: DicomAddress) -> Association:
    nobody = f"nothing takes DICOM at {to.host}:{to.port} as {to.ae_title}"
    if not is_open(to.host, to.port):
        raise TransientError(nobody)
    entity = Requestor(TOOL_AE_TITLE)
    entity.connection_timeout = 10
    entity.requested_contexts = contexts
    association = entity.associate(to.host, to.port, ae_title=to.ae_title)
    if association.is_rejected:
        raise TransientError(f"{to.ae_title} refused {TOOL_AE_TITLE}: is it allowed there?")
    if not association.is_established:
        raise TransientError(nobody)
    return association


def _store(association: Association, file: Outgoing) -> Sent:
    try:
        status = association.send_c_store(file.path).get("Status")
    except ValueError:
        problem = f"not accepted: {file.sop_class_uid} in {file.transfer_syntax_uid}"
    except RuntimeError:
        problem = "the association ended before"
    else:
        if status is None:
            problem = "no answer"
        else:
            # 0xB000 to 0xBFFF are warnings: stored, with a remark (PS3.4 B.2.3).
            problem = "" if status == 0 or status >> 12 == 0xB else f"status 0x{status:04X}"
    return Sent(path=file.path, study_instance_uid=file.study_instance_uid, problem=problem)
