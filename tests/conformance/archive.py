"""Archive: a real Orthanc, asked by DICOMweb for what we stored (PS3.18 10.4)."""

import requests

from services.writer.results import BuiltResult
from services.writer.store import store_result
from shared.errors import CutisError
from shared.pacs import make_pacs
from tests.orthanc import OrthancServer


def store_and_read_back(orthanc: OrthancServer, result: BuiltResult) -> list[str]:
    """Store ``result`` as the writer does, retrieve it by WADO-RS, and return what is wrong."""
    settings = orthanc.pacs_settings()
    try:
        store_result(make_pacs(settings, "CUTIS"), result)
    except CutisError as error:
        return [f"Orthanc: {error.reason}"]
    where = (
        f"{settings.dicomweb_url}/studies/{result.study_instance_uid}"
        f"/series/{result.series_instance_uid}/instances/{result.sop_instance_uid}"
    )
    login = (settings.username, settings.secret())
    whole = requests.get(
        where,
        # As stored: without it, an archive decompresses what it gives (PS3.18 8.7.3.5.2).
        headers={"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'},
        auth=login,
        timeout=30,
    )
    # One part: the file stands between the headers of the part and the closing boundary.
    if whole.status_code != 200 or result.content not in whole.content:
        return [f"WADO-RS gives {whole.status_code} and other bytes than we stored"]
    metadata = requests.get(
        f"{where}/metadata", headers={"Accept": "application/dicom+json"}, auth=login, timeout=30
    )
    if metadata.status_code != 200 or len(metadata.json()) != 1:
        return [f"WADO-RS gives no metadata ({metadata.status_code})"]
    return []
