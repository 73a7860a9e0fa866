"""History: asks for a patient's earlier result once a job, and keeps the answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from services.writer.figures import Figure
from services.writer.geometry import header_copy
from services.writer.identity import Identity
from services.writer.previous import NONE, NOT_ASKED, Archive, Previous, find_previous
from services.writer.reading import read_header
from shared.db.engine import Database
from shared.db.previous import keep_previous_result, previous_result
from shared.db.previous_tables import PreviousResult
from shared.dicomweb import DicomWebPacs
from shared.dimse import DimsePacs
from shared.errors import CutisError, TransientError
from shared.pacs import Pacs
from shared.settings import PacsSettings
from workers.contract import ModelSpec
from workers.findings import Findings

_PATIENCE_SECONDS = 10.0
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

log = structlog.get_logger()


class PacsArchive:
    """The archive: C-FIND for a patient's studies, DICOMweb for what they hold."""

    def __init__(self, settings: PacsSettings, ae_title: str) -> None:
        patience = min(settings.timeout_seconds, _PATIENCE_SECONDS)
        whole = min(settings.exchange_seconds, 6 * _PATIENCE_SECONDS)
        quick = settings.model_copy(update={"timeout_seconds": patience, "exchange_seconds": whole})
        self._web, self._dimse = DicomWebPacs(quick), DimsePacs(quick, ae_title)
        self.studies_of = self._dimse.studies_of
        self.series_of, self.metadata = self._web.series_of, self._web.metadata


class History:
    """Chooses what a job is compared with at its first attempt to be written."""

    def __init__(self, database: Database, archive: Archive, pacs: Pacs) -> None:
        self._database, self._archive, self._pacs = database, archive, pacs

    def previous(
        self,
        job_id: str,
        findings: Sequence[Findings],
        paths: Mapping[str, Path],
        spec: ModelSpec,
        weights_digest: str,
    ) -> Previous:
        """Return the earlier result for a job; the same at every attempt.

        An archive that answers and does not tell (no C-FIND allowed, say) costs the comparison,
        never the result: the report then says so.

        Raises
        ------
        TransientError
            The archive is away altogether. Nothing could be stored now either.
        """
        with self._database.read() as session:
            kept = previous_result(session, job_id)
        if kept is not None:
            return _from_row(kept)
        path = next((paths.get(one.sop_instance_uid) for one in findings if one.eligible), None)
        if path is None:
            return NONE
        source = read_header(path)
        identity = Identity(
            sources=(header_copy(source),),
            derived_from=(),
            derived_from_uids=(),
            spec=spec,
            weights_digest=weights_digest,
        )
        found = self._ask(source, identity, job_id)
        with self._database.write() as session:
            return _from_row(keep_previous_result(session, _to_row(job_id, found)))

    def _ask(self, source: Dataset, identity: Identity, job_id: str) -> Previous:
        try:
            return find_previous(self._archive, source, identity)
        except CutisError as error:
            if isinstance(error, TransientError):
                self._pacs.echo()
            code = error.code
        except _UNREADABLE as error:
            code = type(error).__name__
        log.warning("previous_not_asked", job_id=job_id, code=code)
        return NOT_ASKED


def _to_row(job_id: str, previous: Previous) -> PreviousResult:
    return PreviousResult(
        job_id=job_id,
        code=previous.outcome,
        study_instance_uid=previous.study_instance_uid,
        series_instance_uid=previous.series_instance_uid,
        sop_instance_uid=previous.sop_instance_uid,
        study_date=previous.study_date,
        site_stated=previous.site_stated,
        figures=[_to_json(one) for one in previous.figures],
    )


def _from_row(row: PreviousResult) -> Previous:
    outcome: Any = row.code
    return Previous(
        outcome=outcome,
        study_instance_uid=row.study_instance_uid,
        series_instance_uid=row.series_instance_uid,
        sop_instance_uid=row.sop_instance_uid,
        study_date=row.study_date,
        site_stated=row.site_stated,
        figures=tuple(_from_json(one) for one in row.figures),
    )


def _to_json(figure: Figure) -> dict[str, Any]:
    return {
        "structure": list(figure.structure),
        "quantity": _code(figure.quantity),
        "unit": _code(figure.unit),
        "derivation": None if figure.derivation is None else _code(figure.derivation),
        "value": figure.value,
    }


def _from_json(values: Mapping[str, Any]) -> Figure:
    derivation = values["derivation"]
    return Figure(
        structure=(values["structure"][0], values["structure"][1]),
        quantity=Code(*values["quantity"]),
        unit=Code(*values["unit"]),
        derivation=None if derivation is None else Code(*derivation),
        value=values["value"],
    )


def _code(code: Code) -> list[str]:
    return [code.value, code.scheme_designator, code.meaning]
