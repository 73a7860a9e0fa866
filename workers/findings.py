"""Findings: what a model found in one image, in arrays and coded values.

Findings cross the spool between the worker and the writer as two files without pickles:
``findings.json`` (values) and ``findings.npz`` (arrays).
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from pydicom.sr.coding import Code

Mask = npt.NDArray[np.bool_]
Map = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One number with its coded quantity and unit.

    ``segment_number`` says which segment was measured; ``None`` means the whole image.
    ``derivation`` is a coded statistic (mean, maximum, …) where the number is one, ``method`` how
    it was come by, where one quantity can be measured or guessed.
    """

    quantity: Code
    value: float
    unit: Code
    segment_number: int | None = None
    derivation: Code | None = None
    method: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """One coded answer about the whole image: grade, class, eligibility, calibration."""

    question: Code
    answer: Code
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParametricMap:
    """A value for every pixel. ``values`` is (frames, rows, columns) float32, NaN-free.

    ``display_range`` is what a viewer shows from dark to bright, in ``unit``. ``method`` is as of a
    :class:`Measurement`.
    """

    name: str
    quantity: Code
    unit: Code
    values: Map
    display_range: tuple[float, float]
    segment_number: int | None = None
    method: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What one model found in one source image (one SOP instance).

    Attributes
    ----------
    sop_instance_uid
        The image the findings lie on: same rows and columns, same number of frames for masks.
    derived_from
        Other SOP Instance UIDs that were read as well (e.g. the LSCI frames a photo's prediction
        was compared with).
    masks
        Segment number → bool array (frames, rows, columns). Segments may overlap. A mask for
        every segment the model looked for; an all-false mask says "looked, found none".
    maps
        Parametric maps: (frames, rows, columns), or (1, rows, columns) for a map that condenses
        all frames into one (LSCI).
    eligible
        False when the model declined the image; then ``reason`` says why and nothing else is set.
    """

    sop_instance_uid: str
    derived_from: tuple[str, ...] = ()
    masks: dict[int, Mask] = field(default_factory=dict)
    maps: tuple[ParametricMap, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    assessments: tuple[Assessment, ...] = ()
    eligible: bool = True
    reason: str = ""


def save_findings(findings: tuple[Findings, ...], folder: Path) -> None:
    """Write ``findings`` durably into ``folder`` as ``findings.json`` and ``findings.npz``."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    values = []
    for index, one in enumerate(findings):
        for number, mask in one.masks.items():
            arrays[f"{index}/mask/{number}"] = np.packbits(mask)
        for position, found_map in enumerate(one.maps):
            arrays[f"{index}/map/{position}"] = found_map.values.astype(np.float32)
        values.append(_values(one))
    with (folder / "findings.npz").open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
        _sync(file)
    with (folder / "findings.json").open("wb") as file:
        file.write(json.dumps(values, allow_nan=False).encode())
        _sync(file)


def _sync(file: BinaryIO) -> None:
    # The job is moved on as soon as this returns: what it then relies on must survive a crash.
    file.flush()
    os.fsync(file.fileno())


def load_findings(folder: Path) -> tuple[Findings, ...]:
    """Read what :func:`save_findings` wrote."""
    values = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    with np.load(folder / "findings.npz", allow_pickle=False) as arrays:
        return tuple(_findings(index, one, arrays) for index, one in enumerate(values))


def _values(findings: Findings) -> dict[str, Any]:
    return {
        "sop_instance_uid": findings.sop_instance_uid,
        "derived_from": list(findings.derived_from),
        "eligible": findings.eligible,
        "reason": findings.reason,
        "masks": {str(number): list(mask.shape) for number, mask in findings.masks.items()},
        "maps": [
            {
                "name": one.name,
                "quantity": list(one.quantity),
                "unit": list(one.unit),
                "display_range": list(one.display_range),
                "segment_number": one.segment_number,
                "method": _coded(one.method),
            }
            for one in findings.maps
        ],
        "measurements": [
            {
                "quantity": list(one.quantity),
                "value": float(one.value),
                "unit": list(one.unit),
                "segment_number": one.segment_number,
                "derivation": _coded(one.derivation),
                "method": _coded(one.method),
            }
            for one in findings.measurements
        ],
        "assessments": [
            {"question": list(one.question), "answer": list(one.answer), "note": one.note}
            for one in findings.assessments
        ],
    }


def _coded(code: Code | None) -> list[str | None] | None:
    return None if code is None else list(code)


def _code(values: list[str] | None) -> Code | None:
    return None if values is None else Code(*values)


def _findings(index: int, values: dict[str, Any], arrays: Any) -> Findings:
    return Findings(
        sop_instance_uid=values["sop_instance_uid"],
        derived_from=tuple(values["derived_from"]),
        eligible=values["eligible"],
        reason=values["reason"],
        masks={
            int(number): np.unpackbits(arrays[f"{index}/mask/{number}"], count=int(np.prod(shape)))
            .astype(np.bool_)
            .reshape(shape)
            for number, shape in values["masks"].items()
        },
        maps=tuple(
            ParametricMap(
                name=one["name"],
                quantity=Code(*one["quantity"]),
                unit=Code(*one["unit"]),
                values=arrays[f"{index}/map/{position}"],
                display_range=(one["display_range"][0], one["display_range"][1]),
                segment_number=one["segment_number"],
                method=_code(one.get("method")),
            )
            for position, one in enumerate(values["maps"])
        ),
        measurements=tuple(
            Measurement(
                quantity=Code(*one["quantity"]),
                value=one["value"],
                unit=Code(*one["unit"]),
                segment_number=one["segment_number"],
                derivation=_code(one["derivation"]),
                method=_code(one.get("method")),  # absent in findings of before there was one
            )
            for one in values["measurements"]
        ),
        assessments=tuple(
            Assessment(
                question=Code(*one["question"]), answer=Code(*one["answer"]), note=one["note"]
            )
            for one in values["assessments"]
        ),
    )
