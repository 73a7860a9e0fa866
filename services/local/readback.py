"""Read back: fetch results from the PACS by DICOMweb, as any other client would."""

import io
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from services.local.addresses import PacsAddress
from services.local.client import Record
from services.local.secret_files import read_secret
from shared.web import parts_of

_ANY_SYNTAX = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """One result: what the pipeline says it stored, and the file the PACS gave for it.

    ``problem`` is empty when the PACS gave the very object that was asked for; ``viewer_url``
    is empty without a viewer.
    """

    model: str
    role: str
    path: Path
    problem: str = ""
    viewer_url: str = ""


class PacsReader:
    """Fetches instances by WADO-RS (PS3.18 10.4) with our user."""

    def __init__(self, pacs: PacsAddress) -> None:
        self._url = pacs.dicomweb_url
        self._auth = None
        if pacs.password_file is not None:
            self._auth = (pacs.username, read_secret(pacs.password_file))

    def fetch(self, study_instance_uid: str, result: Record, folder: Path) -> ReadBack:
        """Fetch ``result`` (as the API describes it) and keep it in ``folder``, byte for byte."""
        stem = f"{result['model']}-{result['role']}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{stem}-{1 + len(list(folder.glob(f'{stem}-?.dcm')))}.dcm"
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
                self._url + path, headers=_ANY_SYNTAX, auth=self._auth, timeout=60, trust_env=False
            )
        except httpx.HTTPError as error:
            return b"", f"the PACS does not answer ({type(error).__name__})"
        if not answer.is_success:
            return b"", f"the PACS answers {answer.status_code}"
        parts = parts_of(answer.content, answer.headers.get("content-type", ""))
        if len(parts) != 1:
            return b"", f"the PACS gave {len(parts)} objects for one"
        return parts[0], ""


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
