"""Samples: a small spec, and findings that fit any of the factories' images."""

import dataclasses
from collections.abc import Collection
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from services.writer.identity import Role
from services.writer.results import BuiltResult, build_results
from services.writer.settings import StackEncoding
from shared.dicom import codes
from tests import factories
from workers.contract import ModelSpec, Segment
from workers.findings import Assessment, Findings, Mask, Measurement, ParametricMap

SKIN, LESION, KELOID = 1, 2, 3
DIGEST = "0" * 64

SPEC = ModelSpec(
    name="segmentation",
    version="0.1.0",
    title="Skin and lesion",
    accepts=(),
    segments=(
        Segment(
            number=SKIN,
            label="Skin",
            category=codes.TISSUE,
            type=codes.SKIN,
            colour=(255, 205, 148),
        ),
        Segment(
            number=LESION,
            label="Skin lesion",
            category=codes.MORPHOLOGICALLY_ABNORMAL,
            type=codes.SKIN_LESION,
            colour=(214, 39, 40),
        ),
        Segment(
            number=KELOID,
            label="Keloid",
            category=codes.MORPHOLOGICALLY_ABNORMAL,
            type=codes.KELOID,
            colour=(40, 39, 214),
        ),
    ),
    training_data="synthetic pictures",
    parameters={"threshold": "0.5"},
)


def findings_for(source: Dataset, *, condensed_map: bool = False) -> Findings:
    """Return findings on ``source``: skin around a lesion (they overlap), no keloid, one map."""
    frames, rows, columns = frame_shape(source)
    masks = sample_masks(frames, rows, columns)
    values = np.linspace(0, 1, rows * columns, dtype=np.float32).reshape(rows, columns)
    depth = 1 if condensed_map else frames
    return Findings(
        sop_instance_uid=source.SOPInstanceUID,
        masks=masks,
        maps=(
            ParametricMap(
                name="perfusion",
                quantity=codes.PERFUSION,
                unit=codes.PERFUSION_UNIT,
                values=np.stack([values + k for k in range(depth)]),
                display_range=(0.0, 0.5),
                method=codes.SPECKLE_FRAMES,
            ),
        ),
        measurements=(
            Measurement(
                quantity=codes.AREA,
                value=float(masks[LESION].sum()),
                unit=codes.PIXELS,
                segment_number=LESION,
            ),
            Measurement(
                quantity=codes.PERFUSION,
                value=1 / 3,
                unit=codes.PERFUSION_UNIT,
                segment_number=LESION,
                derivation=codes.MEAN,
                method=codes.SPECKLE_FRAMES,
            ),
            Measurement(quantity=codes.AREA_FRACTION, value=12.5, unit=codes.PERCENT),
            Measurement(quantity=codes.AREA, value=0.0, unit=codes.PIXELS, segment_number=KELOID),
        ),
        assessments=(
            Assessment(question=codes.CALIBRATION, answer=codes.NOT_CALIBRATED),
            Assessment(question=codes.CROP_RULE, answer=codes.CROP_MET, note="skin 90 %"),
        ),
    )


def sample_masks(frames: int, rows: int, columns: int) -> dict[int, Mask]:
    """Return masks that differ from frame to frame; the lesion lies inside the skin."""
    skin = np.zeros((frames, rows, columns), np.bool_)
    lesion = np.zeros_like(skin)
    for k in range(frames):
        skin[k, 3 + k :, :] = True
        lesion[k] = factories.lesion_mask(rows, columns)
        lesion[k, : rows // 2 + k] = False
    return {SKIN: skin, LESION: lesion, KELOID: np.zeros_like(skin)}


def without_overlap(found: Findings) -> Findings:
    """Return ``found`` with the skin around the lesion only: what a label map can hold."""
    masks = {**found.masks, SKIN: found.masks[SKIN] & ~found.masks[LESION]}
    return dataclasses.replace(found, masks=masks)


def frame_shape(source: Dataset) -> tuple[int, int, int]:
    """Return (frames, rows, columns) of ``source``."""
    return int(source.get("NumberOfFrames") or 1), int(source.Rows), int(source.Columns)


def build(source: Dataset, folder: Path, findings: Findings | None = None) -> list[BuiltResult]:
    """Return the results of ``source`` with ``findings`` (those of :func:`findings_for`)."""
    return build_series([source], folder, None if findings is None else [findings])


def build_series(
    sources: list[Dataset],
    folder: Path,
    findings: list[Findings] | None = None,
    stack_encoding: StackEncoding = "binary",
    extra_roles: Collection[Role] = (),
) -> list[BuiltResult]:
    """Return the results of a job that read ``sources``."""
    paths = {
        one.SOPInstanceUID: factories.save(one, folder / f"{one.SOPInstanceUID}.dcm")
        for one in sources
    }
    found = [findings_for(one) for one in sources] if findings is None else findings
    return list(
        build_results(
            found, paths, SPEC, DIGEST, stack_encoding=stack_encoding, extra_roles=extra_roles
        )
    )


def results_of(
    found: Findings,
    path: Path,
    spec: ModelSpec = SPEC,
    digest: str = DIGEST,
    derived_from: dict[str, Path] | None = None,
) -> list[BuiltResult]:
    """Return the results of the image at ``path``."""
    paths = {found.sop_instance_uid: path, **(derived_from or {})}
    return list(build_results([found], paths, spec, digest))
