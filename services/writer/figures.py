"""Figures: the numbers of a study that may be compared with those of an earlier one.

Only what is said of an image as a whole, or of a structure in all of it: nothing here finds the
same lesion again in another study. Shares of a photograph and areas in pixels depend on how it was
framed, and are left out; so is what depends on the setup of one recording (speckle contrast).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from services.writer.identity import segments_by_number
from shared.dicom import codes
from workers.contract import ModelSpec
from workers.findings import Findings

WHOLE_IMAGE = ("", "")
"""The structure of figures that are of no structure."""

_COMPARABLE = (
    (codes.AREA, codes.SQUARE_MILLIMETRE),
    (codes.LAYER_THICKNESS, codes.MICROMETRE),
    (codes.DEJ_UNDULATION, codes.RATIO),
    (codes.INFLAMMATION_GRADE, codes.SCORE),
    (codes.INFLAMMATION_SCORE, codes.SCORE),
    (codes.PERFUSION, codes.PERFUSION_UNIT),
    (codes.PERFUSION_RATIO, codes.RATIO),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number: of which structure (value and scheme of its code), in what unit, and how."""

    structure: tuple[str, str]
    quantity: Code
    unit: Code
    derivation: Code | None
    value: float
    method: Code | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Say what is measured and how; two figures of one key can be compared."""
        how = [None if one is None else _pair(one) for one in (self.derivation, self.method)]
        return self.structure, _pair(self.quantity), _pair(self.unit), *how


def figures_of(findings: Findings, spec: ModelSpec) -> list[Figure]:
    """Return the comparable figures of one image, in their order."""
    segments = segments_by_number(spec)
    return _comparable(
        Figure(
            structure=WHOLE_IMAGE
            if one.segment_number is None
            else _pair(segments[one.segment_number].type),
            quantity=one.quantity,
            unit=one.unit,
            derivation=one.derivation,
            value=float(one.value),
            method=one.method,
        )
        for one in findings.measurements
    )


def reported_figures(group: Dataset) -> list[Figure]:
    """Return the comparable figures of a measurement group of a report.

    None of a group with a time point: its figures are cited from an earlier report, or changes.
    """
    items = children(group)
    if any(concept_of(one) == codes.TIME_POINT.value for one in items):
        return []
    findings = [_answer(one) for one in items if concept_of(one) == codes.FINDING.value]
    structure = _pair(findings[0]) if findings else WHOLE_IMAGE
    return _comparable(
        _figure(one, structure)
        for one in items
        if one.get("ValueType") == "NUM" and one.get("MeasuredValueSequence")
    )


def children(item: Dataset) -> list[Dataset]:
    """Return the content items below a content item."""
    return list(item.get("ContentSequence") or [])


def concept_of(item: Dataset) -> str:
    """Return the code value of a content item's concept name, empty when it has none."""
    names = item.get("ConceptNameCodeSequence") or []
    return str(names[0].get("CodeValue") or "") if names else ""


def _figure(item: Dataset, structure: tuple[str, str]) -> Figure:
    (measured,) = item.MeasuredValueSequence
    said = {
        concept_of(one): _answer(one) for one in children(item) if one.get("ConceptCodeSequence")
    }
    return Figure(
        structure=structure,
        quantity=_code(item.ConceptNameCodeSequence[0]),
        unit=_code(measured.MeasurementUnitsCodeSequence[0]),
        derivation=said.get(codes.DERIVATION.value),
        value=float(measured.NumericValue),
        method=said.get(codes.METHOD.value),
    )


def _comparable(figures: Iterable[Figure]) -> list[Figure]:
    allowed = {(_pair(quantity), _pair(unit)) for quantity, unit in _COMPARABLE}
    statistics = {None, _pair(codes.MEAN)}
    return [
        one
        for one in figures
        if (_pair(one.quantity), _pair(one.unit)) in allowed
        and (None if one.derivation is None else _pair(one.derivation)) in statistics
    ]


def _answer(item: Dataset) -> Code:
    return _code(item.ConceptCodeSequence[0])


def _code(item: Dataset) -> Code:
    return Code(str(item.CodeValue), str(item.CodingSchemeDesignator), str(item.CodeMeaning))


def _pair(code: Code) -> tuple[str, str]:
    return code.value, code.scheme_designator
