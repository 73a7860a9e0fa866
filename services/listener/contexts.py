"""Contexts: what the listener negotiates (PS3.8 9.3.2.2)."""

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom import AllStoragePresentationContexts
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.sop_class import register_uid

TRANSFER_SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    HTJ2K,
    RLELossless,
)
"""What the workers can decode, best first. Deflated is not offered: 1 kB can hide 1 GB."""


def storage_sop_classes() -> tuple[str, ...]:
    """Return every composite storage SOP class of the standard, retired ones too, none private.

    A sender may end its whole job at the first instance it cannot negotiate, so classes that no
    model reads are taken as well. Those that pynetdicom leaves out are registered with it.
    """
    known = {str(context.abstract_syntax) for context in AllStoragePresentationContexts}
    missing = {uid: keyword for uid, keyword in _IN_DICTIONARY.items() if uid not in known}
    for uid, keyword in missing.items():
        register_uid(uid, keyword, StorageServiceClass)
    return (*sorted(known), *sorted(missing))


_IN_DICTIONARY = {
    uid: keyword
    for uid, (name, kind, _, _, keyword) in UID_dictionary.items()
    if uid.startswith("1.2.840.10008.5.1.4.1.1.") and kind == "SOP Class" and "Storage" in name
}
