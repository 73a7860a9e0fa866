"""Identity: who made a result, from what, and the UIDs that follow from it."""

from dataclasses import dataclass
from typing import Literal, TypedDict

import highdicom as hd
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from services.writer.settings import StackEncoding
from shared.dicom import codes
from shared.dicom.manifest import MANUFACTURER
from shared.dicom.spacing import given_scale
from shared.dicom.uids import derived_uid
from workers.contract import ModelSpec, Segment

WRITER_VERSION = "7"
"""Raise on ANY change of what is written: it is part of every UID. Without that, a repaired
writer would find its old, broken object in the PACS and leave it there."""

Role = Literal["seg", "pm", "sr", "sr-image", "sc", "pdf", "pr", "absence"]

_ROLES: tuple[Role, ...] = ("sc", "seg", "pm", "sr", "sr-image", "pdf", "pr")
_WORDS: dict[Role, str] = {
    "seg": "SEG",
    "pm": "map",
    "sr": "measurements",
    "sr-image": "report",
    "sc": "picture",
    "pdf": "summary",
    "pr": "contours",
}

_LONG_STRING = 64  # characters, VR LO


class Equipment(TypedDict):
    """The equipment arguments of highdicom's constructors (PS3.3 C.7.5.2)."""

    manufacturer: str
    manufacturer_model_name: str
    software_versions: str
    device_serial_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What all results of one group of images have in common.

    ``sources`` are the headers of the images; ``derived_from_uids`` name what was read as well,
    and ``derived_from`` holds the headers of those that the results refer to.
    ``stack_encoding`` is the site's for a group of several frames, ``binary`` for one frame.
    ``compared_with`` names what the report on whole images says about an earlier study.
    """

    sources: tuple[Dataset, ...]
    derived_from: tuple[Dataset, ...]
    derived_from_uids: tuple[str, ...]
    spec: ModelSpec
    weights_digest: str
    stack_encoding: StackEncoding = "binary"
    compared_with: str = ""

    @property
    def source(self) -> Dataset:
        """The header of the first image, whose patient, study and dates the results carry."""
        return self.sources[0]

    def uid(self, *parts: str) -> str:
        """Return the UID of one part of the results (role, index, level)."""
        parameters = [f"{key}={value}" for key, value in sorted(self.spec.parameters.items())]
        made_of = (
            *(str(one.SOPInstanceUID) for one in self.sources),
            *sorted(self.derived_from_uids),
            self.spec.name,
            self.spec.version,
            self.weights_digest,
            *parameters,
            WRITER_VERSION,
        )
        scales = [given_scale(one) for one in self.sources]
        if any(scales):
            made_of = (*made_of, f"scales={scales}")
        if self.stack_encoding != "binary":
            # Another SOP class, and reports that refer to it: never found under the same UIDs.
            made_of = (*made_of, self.stack_encoding)
        return derived_uid("result", *made_of, *parts)

    def sop_instance_uid(self, role: Role, index: int = 0) -> str:
        """Return the SOP Instance UID of result ``index`` of ``role``."""
        return self.uid(role, str(index), *self._compared(role))

    def series_instance_uid(self, role: Role, index: int = 0) -> str:
        """Return the Series Instance UID: one series a result, all that OHIF can list."""
        return self.uid(role, str(index), "series", *self._compared(role))

    def series_number(self, role: Role, index: int = 0) -> int:
        """Return a number behind all acquired series, pictures first; distinct by derivation."""
        spread = int(self.series_instance_uid(role, index).removeprefix("2.25.")) % 1_000_000
        return 90_000_000 + _ROLES.index(role) * 1_000_000 + spread

    def series_description(self, role: Role, name: str = "") -> str:
        """Return e.g. ``Cutis layers SEG (research, phantoms)``."""
        words = (MANUFACTURER, self.spec.name, name, _WORDS[role])
        text = " ".join(word for word in words if word)
        caution = "(research, phantoms)" if "phantom" in self.spec.training_data else "(research)"
        return f"{text[: _LONG_STRING - len(caution) - 1]} {caution}"

    def _compared(self, role: Role) -> tuple[str, ...]:
        # The same findings beside another earlier study are another report.
        return (self.compared_with,) if role == "sr-image" and self.compared_with else ()

    def tracking_uid(self, segment: Segment) -> str:
        """Return the UID that SEG and SR share for one structure, over all images of the group."""
        return self.uid("tracking", str(segment.number))

    def image_tracking_uid(self, index: int) -> str:
        """Return the UID of what is said about image ``index`` as a whole."""
        return self.uid("tracking", "image", str(index))

    def tracking_identifier(self, segment: Segment | None) -> str:
        """Return the readable twin of both."""
        return f"{self.spec.name} {'image' if segment is None else segment.label}"

    def equipment(self) -> Equipment:
        """Return who made the result, as every one of them says."""
        return {
            "manufacturer": MANUFACTURER,
            "manufacturer_model_name": f"{MANUFACTURER} {self.spec.name}"[:_LONG_STRING],
            "software_versions": f"{self.spec.version} writer {WRITER_VERSION}"[:_LONG_STRING],
            "device_serial_number": self.spec.name[:_LONG_STRING],
        }

    def parameters(self) -> dict[str, str]:
        """Return what the algorithm ran with, the weights among it."""
        return {
            **dict(sorted(self.spec.parameters.items())),
            "weights_sha256": self.weights_digest,
            "writer": WRITER_VERSION,
        }

    def seg_algorithm(self) -> hd.AlgorithmIdentificationSequence:
        """Return the Algorithm Identification macro (PS3.3 10.16) of a segment."""
        return hd.AlgorithmIdentificationSequence(
            name=f"{MANUFACTURER} {self.spec.name}"[:_LONG_STRING],
            family=codes.ARTIFICIAL_INTELLIGENCE,
            version=self.spec.version,
            source=MANUFACTURER,
            parameters=self.parameters(),
        )

    def sr_algorithm(self) -> hd.sr.AlgorithmIdentification:
        """Return the Algorithm Identification (PS3.16 TID 4019) of a measurement."""
        return hd.sr.AlgorithmIdentification(
            name=f"{MANUFACTURER} {self.spec.name}",
            version=self.spec.version,
            parameters=[f"{key}={value}" for key, value in self.parameters().items()],
        )

    def caution(self) -> str:
        """Return the sentence that stands in every report."""
        return (
            "Research use only: not for diagnosis or treatment. "
            f"{self.spec.title}, version {self.spec.version}, trained on "
            f"{self.spec.training_data}."
        )


def segments_by_number(spec: ModelSpec) -> dict[int, Segment]:
    """Return the segments of ``spec`` by their number."""
    return {segment.number: segment for segment in spec.segments}


def concept(code: Code) -> hd.sr.CodedConcept:
    """Return ``code`` as highdicom's type."""
    return hd.sr.CodedConcept(code.value, code.scheme_designator, code.meaning)
