"""PACS: what Cutis asks of the archive that results go to, whichever protocol it speaks."""

from typing import Protocol

from shared.dicomweb import DicomWebPacs
from shared.dimse import DimsePacs
from shared.settings import PacsSettings


class Pacs(Protocol):
    """An archive that instances are stored into.

    Every method raises

    ``AwayError``
        no connection, a timeout, or the archive is out of resources; or it turns us away, whatever
        we bring: credentials, AE title, certificates, no DICOMweb at the address;
    ``ConfigurationError``
        the archive does not take this SOP class;
    ``PermanentError``
        the archive refuses what was sent.
    """

    def has(self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str) -> bool:
        """Return whether the archive shows this instance."""
        ...

    def store(self, content: bytes) -> None:
        """Store one instance, given as a Part 10 file."""
        ...

    def echo(self) -> None:
        """Return if the archive answers."""
        ...


def make_pacs(settings: PacsSettings, ae_title: str) -> Pacs:
    """Return the archive of ``settings``; ``ae_title`` is ours, for DIMSE.

    An archive that is stored to by C-STORE is still searched by QIDO-RS when ``dicomweb_url`` is
    set, and by C-FIND when it is empty.
    """
    web = DicomWebPacs(settings) if settings.dicomweb_url else None
    if settings.store_by == "stow" and web is not None:
        return web
    return DimsePacs(settings, ae_title, search=web)
