"""DIMSE: a PACS over C-STORE, C-FIND and C-ECHO (PS3.4 B, C; PS3.7 9.1)."""

import io
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from shared.deadline import Deadline
from shared.dicom_status import error_of_status
from shared.dicomweb import DicomWebPacs
from shared.errors import AwayError, ConfigurationError
from shared.settings import PacsSettings
from shared.tls import TlsFiles, client_context
from shared.transport import Requestor

# SOP classes of PS3.6 annex A; pynetdicom makes its names at run time, unseen by type checkers.
VERIFICATION = UID("1.2.840.10008.1.1")
_STUDY_ROOT_FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")

_SUCCESS, _DUPLICATE = 0x0000, 0x0111
_PENDING = {0xFF00, 0xFF01}
_REJECTED_TRANSIENT = 0x02


class DimsePacs:
    """An archive reached by associations; see :class:`shared.pacs.Pacs`.

    Raises ``ConfigurationError`` when the TLS files cannot be used.

    ``search`` answers :meth:`has` instead of C-FIND, when the archive speaks DICOMweb as well.
    """

    def __init__(
        self, settings: PacsSettings, ae_title: str, search: DicomWebPacs | None = None
    ) -> None:
        self._settings = settings
        self._ae_title = ae_title
        self._search = search
        self._tls = _tls(settings)

    def has(self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str) -> bool:
        """Ask by QIDO-RS if possible, else by C-FIND at IMAGE level."""
        if self._search is not None:
            return self._search.has(study_instance_uid, series_instance_uid, sop_instance_uid)
        query = Dataset()
        query.QueryRetrieveLevel = "IMAGE"
        query.StudyInstanceUID = study_instance_uid
        query.SeriesInstanceUID = series_instance_uid
        query.SOPInstanceUID = sop_instance_uid
        return any(one.get("SOPInstanceUID") == sop_instance_uid for one in self._find(query))

    def studies_of(self, patient_id: str) -> list[Dataset]:
        """Return UID, date, time and issuer of every study under exactly this Patient ID.

        By C-FIND (Study Root, STUDY level): what is asked for stands in no URL and no access log.
        """
        query = Dataset()
        query.SpecificCharacterSet = "ISO_IR 192"
        query.QueryRetrieveLevel = "STUDY"
        query.PatientID = patient_id
        for keyword in ("IssuerOfPatientID", "StudyInstanceUID", "StudyDate", "StudyTime"):
            setattr(query, keyword, "")
        # An ID may hold * or ?, which the archive takes for wildcards.
        return [one for one in self._find(query) if str(one.get("PatientID")).strip() == patient_id]

    def store(self, content: bytes) -> None:
        """Send by C-STORE. A duplicate is fine: the caller verifies what is there."""
        dataset = dcmread(io.BytesIO(content))
        syntax = dataset.file_meta.TransferSyntaxUID
        with self._association(UID(dataset.SOPClassUID), syntax) as association:
            status = association.send_c_store(dataset)
        _check(status, allowed={_SUCCESS, _DUPLICATE})

    def echo(self) -> None:
        """Ask by C-ECHO."""
        with self._association(VERIFICATION) as association:
            status = association.send_c_echo()
        _check(status, allowed={_SUCCESS})

    def _find(self, query: Dataset) -> list[Dataset]:
        model = _STUDY_ROOT_FIND
        with self._association(model) as association:
            # Read to the end: an answer left on the wire would spoil the release.
            answers = list(association.send_c_find(query, model))
        for status, _ in answers:
            _check(status, allowed={*_PENDING, _SUCCESS})
        return [found for _, found in answers if found is not None]

    @contextmanager
    def _association(
        self, sop_class_uid: UID, transfer_syntax_uid: UID = ExplicitVRLittleEndian
    ) -> Iterator[Any]:
        with (
            Deadline(self._settings.exchange_seconds) as deadline,
            self._established(deadline, sop_class_uid, transfer_syntax_uid) as association,
        ):
            yield association

    @contextmanager
    def _established(
        self, deadline: Deadline, sop_class_uid: UID, transfer_syntax_uid: UID
    ) -> Iterator[Any]:
        settings = self._settings
        entity = Requestor(ae_title=self._ae_title, deadline=deadline)
        entity.acse_timeout = entity.dimse_timeout = settings.timeout_seconds
        entity.network_timeout = entity.connection_timeout = settings.timeout_seconds
        entity.add_requested_context(sop_class_uid, transfer_syntax_uid)
        association = entity.associate(
            settings.host, settings.port, ae_title=settings.ae_title, tls_args=self._tls
        )
        if not association.is_established:
            raise _refusal(association)
        try:
            yield association
        except RuntimeError as error:  # pynetdicom: the peer aborted before we could send
            raise AwayError("the PACS broke the association", code="pacs-down") from error
        finally:
            association.release()


def _tls(settings: PacsSettings) -> tuple[ssl.SSLContext, str] | None:
    if not settings.tls:
        return None
    files = TlsFiles(
        certificate=settings.tls_certificate,
        key=settings.tls_key,
        authorities=settings.tls_authorities,
    )
    return client_context(files), settings.tls_server_name or settings.host


def _refusal(association: Any) -> AwayError | ConfigurationError:
    """Tell why no association came up (PS3.8 9.3.4)."""
    answer = association.acceptor.primitive
    if association.is_rejected and answer.result != _REJECTED_TRANSIENT:
        return AwayError("the PACS rejects our association (AE titles?)", code="pacs-ae")
    if association.rejected_contexts and not association.accepted_contexts:
        return ConfigurationError("the PACS does not accept this SOP class", code="pacs-class")
    return AwayError("the PACS does not answer", code="pacs-down")


def _check(answer: Dataset, *, allowed: set[int]) -> None:
    """Raise unless the status of a response is one of ``allowed`` or a warning (0xBxxx)."""
    status = answer.get("Status")
    if status is None:  # pynetdicom's answer to a timeout or an abort
        raise AwayError("the PACS broke the association", code="pacs-down")
    if status in allowed or status >> 12 == 0xB:
        return
    raise error_of_status(status)
