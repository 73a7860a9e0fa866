"""What is negotiated is what can be stored, and no more."""

from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    ConfocalMicroscopyImageStorage,
    DeflatedExplicitVRLittleEndian,
    SegmentationStorage,
    VLPhotographicImageStorage,
)
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.sop_class import uid_to_service_class

from services.listener.contexts import TRANSFER_SYNTAXES, storage_sop_classes

RETIRED_ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6"


def test_every_class_we_negotiate_is_served_by_storage() -> None:
    classes = storage_sop_classes()
    served = {uid for uid in classes if uid_to_service_class(uid) is StorageServiceClass}
    assert served == set(classes)
    assert len(served) == len(classes)


def test_skin_images_results_and_retired_classes_are_taken() -> None:
    assert {
        VLPhotographicImageStorage,
        ConfocalMicroscopyImageStorage,
        SegmentationStorage,
        RETIRED_ULTRASOUND,
    } <= set(storage_sop_classes())


def test_every_transfer_syntax_we_take_can_be_decoded_here() -> None:
    assert [one for one in TRANSFER_SYNTAXES if not get_decoder(one).is_available] == []
    assert DeflatedExplicitVRLittleEndian not in TRANSFER_SYNTAXES
