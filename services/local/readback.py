"""Read back: fetch results from the PACS by DICOMweb, as any other client would.

A PACS without DICOMweb is asked by C-FIND whether it shows them.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from services.local.addresses import PacsAddress
from services.local.client import Record
from services.local.secret_files import read_secret
from shared.dimse import DimsePacs
from shared.errors import CutisError
from shared.settings import PacsSettings
from shared.web import parts_of

_ANY_SYNTAX = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """One result: what the pipeline says it stored, and the file the PACS gave for it.

    ``problem`` is empty when the PACS gave the very object that was asked for; ``viewer_url``
    is empty without a viewer. Without DICOMweb there is no file at ``path``.
    """

    model: str
    role: str
    path: Path
    problem: str = ""
    viewer_url: str = ""


class PacsReader:
    """Fetches instances by WADO-RS (PS3.18 10.4) with our user.

    Where the PACS has no DICOMweb it looks for them by C-FIND (PS3.4 C), as ``ae_title``.
    """

    def __init__(self, pacs: PacsAddress, ae_title: str) -> None:
        self._url = pacs.dicomweb_url
        self._verify = pacs.verify()
        self._archive = None if self._url else by_association(pacs, ae_title)
        self._auth = None
        if pacs.password_file is not None:
            self._auth = (pacs.username, read_secret(pacs.password_file))

    def fetch(self, study_instance_uid: str, result: Record, folder: Path) -> ReadBack:
        """Fetch ``result`` (as the API describes it) and keep it in ``folder``, byte for byte."""
        stem = f"{result['model']}-{result['role']}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{stem}-{1 + len(list(folder.glob(f'{stem}-?.dcm')))}.dcm"
        if self._archive is not None:
            problem = _looked_for(self._archive, study_instance_uid, result)
        else:
            content, problem = self._instance(study_instance_uid, result)
            if not problem:
                problem = _mismatch(content, result)
                path.write_bytes(content)
        return ReadBack(
            model=result["model"],
            role=result["role"],
            path=path,
            problem=problem,
            viewer_url=result.get("viewer_url") or "",
        )

    def _instance(self, study_instance_uid: str, result: Record) -> tuple[bytes, str]:
        series, instance = result["series_instance_uid"], result["sop_instance_uid"]
        path = f"/studies/{study_instance_uid}/series/{series}/instances/{instance}"
        try:
            answer = httpx.get(
                self._url + path,
                headers=_ANY_SYNTAX,
                auth=self._auth,
                timeout=60,
                trust_env=False,
                verify=self._verify,
            )
        except httpx.HTTPError as error:
            return b"", f"the PACS does not answer ({type(error).__name__})"
        if not answer.is_success:
            return b"", f"the PACS answers {answer.status_code}"
        parts = parts_of(answer.content, answer.headers.get("content-type", ""))
        if len(parts) != 1:
            return b"", f"the PACS gave {len(parts)} objects for one"
        return parts[0], ""


def by_association(pacs: PacsAddress, ae_title: str) -> DimsePacs:
    """Return the archive at ``pacs`` by associations of ``ae_title``, with the TLS of our settings.

    Raises
    ------
    ConfigurationError
        The TLS files cannot be used.
    """
    where = {"host": pacs.dicom.host, "port": pacs.dicom.port, "ae_title": pacs.dicom.ae_title}
    return DimsePacs(PacsSettings().model_copy(update=where), ae_title)


def _looked_for(archive: DimsePacs, study_instance_uid: str, result: Record) -> str:
    try:
        shown = archive.has(
            study_instance_uid, result["series_instance_uid"], result["sop_instance_uid"]
        )
    except CutisError as error:
        return error.reason
    return "" if shown else "the PACS does not show it"


def _mismatch(content: bytes, result: Record) -> str:
    try:
        dataset = dcmread(io.BytesIO(content), stop_before_pixels=True)
    except InvalidDicomError:
        return "the PACS gave something that is not DICOM"
    for keyword, name in (
        ("SOPInstanceUID", "sop_instance_uid"),
        ("SOPClassUID", "sop_class_uid"),
        ("SeriesInstanceUID", "series_instance_uid"),
    ):
        if dataset.get(keyword) != result[name]:
            return f"the PACS gave an object with another {keyword}"
    return ""
