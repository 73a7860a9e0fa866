"""Anatomy: what a source says of body part, region and side, and how each result repeats it.

Nothing is guessed: a side is stated where the source states one, and only one. Where it states
none, results leave it open; but a map must answer (Frame Laterality is type 1, PS3.3
C.7.6.16.2.8), so its region is then the skin as a whole, an organ that has no sides.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import highdicom as hd
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import Comprehensive3DSRStorage, EncapsulatedPDFStorage

from services.writer.identity import concept
from shared.dicom import codes
from shared.dicom.spacing import shared_groups

_SIDES = {"R": codes.RIGHT, "L": codes.LEFT, "B": codes.BILATERAL}
_UNPAIRED = "U"
_UNPAIRED_PARTS = {
    *("ABDOMEN", "BACK", "CHEST", "FACE", "HEAD", "MOUTH", "NECK", "NOSE"),
    *("PENIS", "SCALP", "VULVA"),
}
"""Parts of table L-1 of PS3.16 that are not paired: Laterality has no place beside them."""

_CODE_STRING = re.compile(r"[A-Z0-9_ ]{1,16}")  # VR CS, PS3.5 6.2

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Body part as a word of PS3.16 annex L, region as a code, side as R, L, B, U; or empty."""

    body_part: str = ""
    region: Code | None = None
    side: str = ""

    def segment_region(self) -> hd.sr.CodedConcept:
        """Return the Anatomic Region of a segment (PS3.3 10.5), its side as a modifier."""
        region = concept(self.region or codes.SKIN)
        if self.side in _SIDES:
            region.AnatomicRegionModifierSequence = [concept(_SIDES[self.side])]
        return region

    def frame_anatomy(self) -> Dataset:
        """Return the item of Frame Anatomy (PS3.3 C.7.6.16.2.8) of a map."""
        item = Dataset()
        item.FrameLaterality = self.side or _UNPAIRED
        item.AnatomicRegionSequence = [concept((self.side and self.region) or codes.SKIN)]
        return item

    def finding_sites(self) -> list[sr.FindingSite]:
        """Return the finding site of a measurement group (PS3.16 TID 1411 and 1501)."""
        side = _SIDES.get(self.side)
        return [
            sr.FindingSite(concept(self.region or codes.SKIN), laterality=side and concept(side))
        ]

    def notes(self) -> Iterator[str]:
        """Yield what a report says in words: the body part has no place in its header."""
        if self.body_part:
            yield f"Body part, as the image states it: {self.body_part}."

    def state(self, result: Dataset) -> None:
        """Write body part and side into the header of ``result``, where its class has them.

        Laterality (General Series, PS3.3 C.7.3.1) is right or left only, and has no place beside
        the regions of a SEG's segments or a map's frames; a document has Image Laterality
        (C.24.2); a report says both in its content.
        """
        if result.SOPClassUID == Comprehensive3DSRStorage:
            return
        if self.body_part:
            result.BodyPartExamined = self.body_part
        if result.SOPClassUID == EncapsulatedPDFStorage:
            if self.side:
                result.ImageLaterality = self.side
        elif "Laterality" in result and self.side in {"R", "L"}:
            result.Laterality = self.side
        elif "Laterality" in result and self.body_part in _UNPAIRED_PARTS:
            del result.Laterality


def anatomy(source: Dataset) -> Anatomy:
    """Return what ``source`` says; what it contradicts itself about, or misspells, it left open."""
    frames = list(_frame_anatomies(source))
    said = str(source.get("BodyPartExamined") or "").strip().upper()
    return Anatomy(
        body_part=said if _CODE_STRING.fullmatch(said) else "",
        region=_only(_region(one) for one in (source, *frames)),
        side=_only(_sides(source, frames)) or "",
    )


def _sides(source: Dataset, frames: list[Dataset]) -> Iterator[str | None]:
    """Yield every side that is stated, by attribute or as a modifier of the region."""
    stated = [source.get("Laterality"), source.get("ImageLaterality")]
    stated += [one.get("FrameLaterality") for one in frames]
    yield from (str(one) for one in stated if one in {*_SIDES, _UNPAIRED})
    for region in _regions((source, *frames)):
        for modifier in region.get("AnatomicRegionModifierSequence") or []:
            yield from (
                letter for letter, code in _SIDES.items() if modifier.get("CodeValue") == code.value
            )


def _frame_anatomies(source: Dataset) -> Iterator[Dataset]:
    groups = [shared_groups(source), *(source.get("PerFrameFunctionalGroupsSequence") or [])]
    for group in groups:
        yield from group.get("FrameAnatomySequence") or []


def _regions(datasets: Iterable[Dataset]) -> Iterator[Dataset]:
    for one in datasets:
        yield from one.get("AnatomicRegionSequence") or []


def _region(dataset: Dataset) -> Code | None:
    keywords = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")
    for item in _regions([dataset]):
        value, scheme, meaning = (str(item.get(one) or "").strip() for one in keywords)
        if value and scheme and meaning:
            return Code(value, scheme, meaning)
    return None


def _only(found: Iterable[T | None]) -> T | None:
    """Return what is the same wherever it is told; ``None`` where it differs or is not told."""
    different = {one for one in found if one is not None}
    return different.pop() if len(different) == 1 else None
