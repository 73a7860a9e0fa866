"""Read back: fetch results from the PACS by DICOMweb, as any other client would."""

from dataclasses import dataclass
from pathlib import Path

import requests
from dicomweb_client import DICOMwebClient
from dicomweb_client.session_utils import create_session_from_user_pass

from services.local.addresses import PacsAddress
from services.local.client import Record
from services.local.secret_files import read_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """One result: what the pipeline says it stored, and the file the PACS gave for it.

    ``problem`` is empty when the PACS gave the very object that was asked for.
    """

    model: str
    role: str
    path: Path
    problem: str = ""


class PacsReader:
    """Fetches instances by WADO-RS with our user."""

    def __init__(self, pacs: PacsAddress) -> None:
        session = None
        if pacs.password_file is not None:
            session = create_session_from_user_pass(
                username=pacs.username, password=read_secret(pacs.password_file)
            )
        self._client = DICOMwebClient(url=pacs.dicomweb_url, session=session)

    def fetch(self, study_instance_uid: str, result: Record, folder: Path) -> ReadBack:
        """Fetch ``result`` (as the API describes it) and keep it in ``folder``."""
        stem = f"{result['model']}-{result['role']}"
        number = 1 + len(list(folder.glob(f"{stem}-?.dcm")))
        path = folder / f"{stem}-{number}.dcm"
        problem = self._fetch(study_instance_uid, result, path)
        return ReadBack(model=result["model"], role=result["role"], path=path, problem=problem)

    def _fetch(self, study_instance_uid: str, result: Record, path: Path) -> str:
        try:
            dataset = self._client.retrieve_instance(
                study_instance_uid,
                result["series_instance_uid"],
                result["sop_instance_uid"],
                media_types=(("application/dicom", "*"),),
            )
        except requests.HTTPError as error:
            answer = error.response
            return f"the PACS answers {answer.status_code if answer is not None else error}"
        except requests.RequestException as error:
            return f"the PACS does not answer ({type(error).__name__})"
        if dataset.SOPInstanceUID != result["sop_instance_uid"]:
            return "the PACS gave another instance"
        if dataset.SOPClassUID != result["sop_class_uid"]:
            return "the PACS gave another SOP class"
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(path, enforce_file_format=True)
        return ""
