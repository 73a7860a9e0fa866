"""PR: contours as a softcopy presentation state, for viewers that draw those and no SEG.

Of grey sources a Grayscale (PS3.3 A.33.1), of colour ones a Color Softcopy Presentation State
(A.33.2).
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import ParametricMapStorage

from services.writer.geometry import header_copy
from services.writer.icc import input_profile, srgb_profile
from services.writer.identity import Identity
from services.writer.reading import Reading
from workers.contract import Segment

MAX_POINTS = 8000
"""Of one polyline: Graphic Data is FL, whose length has 16 bits (PS3.5 7.1.2)."""

_GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})
_COARSENESS = 1.0  # how far a contour may leave the mask's edge, in half pixels
_LAYER_NAME = 12  # characters; VR CS has 16, with the number
_MOVED = (
    ("FrameVOILUTSequence", ("WindowCenter", "WindowWidth")),
    ("PixelValueTransformationSequence", ("RescaleIntercept", "RescaleSlope", "RescaleType")),
)
_NOTHING = np.zeros((0, 1, 1), np.bool_)

Points = npt.NDArray[np.float64]


def build_pr(readings: Sequence[Reading], identity: Identity) -> Dataset | None:
    """Return the contours of all masks of ``readings``, a graphic layer for each segment.

    ``None`` when no mask has a pixel, or the images are parametric maps: those are shown through
    their own value mapping, and no presentation state applies to floating point pixels.
    """
    source = identity.source
    if source.SOPClassUID == ParametricMapStorage:
        return None
    layers = {one.number: _layer(one, order) for order, one in enumerate(identity.spec.segments, 1)}
    annotations = [
        annotation for one in readings for annotation in _annotations(one, layers, identity)
    ]
    if not annotations:
        return None
    used = {one.GraphicLayer for one in annotations}
    arguments: dict[str, Any] = {
        "referenced_images": [_base(one) for one in identity.sources],
        "series_instance_uid": identity.series_instance_uid("pr"),
        "series_number": identity.series_number("pr"),
        "sop_instance_uid": identity.sop_instance_uid("pr"),
        "instance_number": 1,
        "series_description": identity.series_description("pr"),
        "content_label": "CUTIS",
        "content_description": "Contours of what was found (research)",
        "graphic_annotations": annotations,
        "graphic_layers": [one for one in layers.values() if one.GraphicLayer in used],
        **identity.equipment(),
    }
    grey = source.PhotometricInterpretation in _GREY
    dataset = _grayscale(source, arguments) if grey else _colour(source, arguments)
    # Type 2C for a paired body part; `finish` fills it where the source says (PS3.3 C.7.3.1).
    dataset.Laterality = None
    return dataset


def contours_of(mask: npt.NDArray[np.bool_]) -> list[Points]:
    """Return the closed outlines of ``mask`` (rows, columns), each (points, 2) of column and row.

    In pixels from the upper left corner of the image, which is 0, 0: so the middle of the first
    pixel is 0.5, 0.5 (PS3.3 C.10.5, Graphic Annotation Units PIXEL). An outline lies a quarter of a
    pixel inside the mask's edge, and is at most half a pixel coarser. Holes have outlines of
    their own. Long outlines come in pieces that share their ends.
    """
    # Each pixel as 2 x 2: a single pixel has an outline too.
    doubled = np.repeat(np.repeat(mask, 2, axis=0), 2, axis=1).astype(np.uint8)
    found, _ = cv2.findContours(doubled, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    pieces = []
    for outline in found:
        coarse = cv2.approxPolyDP(outline, _COARSENESS, closed=True)
        points = np.asarray(coarse if len(coarse) > 2 else outline, np.float64).reshape(-1, 2)
        closed = (np.concatenate([points, points[:1]]) + 0.5) / 2
        pieces += [
            closed[start : start + MAX_POINTS]
            for start in range(0, len(closed) - 1, MAX_POINTS - 1)
        ]
    return pieces


def _annotations(
    reading: Reading, layers: dict[int, hd.pr.GraphicLayer], identity: Identity
) -> Iterator[hd.pr.GraphicAnnotation]:
    several = "NumberOfFrames" in reading.source
    for segment in identity.spec.segments:
        mask = reading.findings.masks.get(segment.number, _NOTHING)
        for frame in np.flatnonzero(mask.any(axis=(1, 2))).tolist():
            yield hd.pr.GraphicAnnotation(
                referenced_images=[reading.source],
                graphic_layer=layers[segment.number],
                referenced_frame_number=frame + 1 if several else None,
                graphic_objects=[
                    hd.pr.GraphicObject(
                        graphic_type=hd.pr.GraphicTypeValues.POLYLINE,
                        graphic_data=points,
                        units=hd.pr.AnnotationUnitsValues.PIXEL,
                        is_filled=False,
                        tracking_id=identity.tracking_identifier(segment),
                        tracking_uid=identity.tracking_uid(segment),
                    )
                    for points in contours_of(mask[frame])
                ],
            )


def _layer(segment: Segment, order: int) -> hd.pr.GraphicLayer:
    name = re.sub(r"[^A-Z0-9 ]", " ", segment.label.upper())
    return hd.pr.GraphicLayer(
        # With its number, as two long labels may begin alike; behind, as a letter must come first.
        layer_name=f"{name[:_LAYER_NAME]} {segment.number}",
        order=order,
        description=segment.label,
        display_color=hd.color.CIELabColor.from_rgb(*segment.colour),
    )


def _grayscale(source: Dataset, arguments: dict[str, Any]) -> Dataset:
    """Build with the source's polarity, which the Presentation LUT has to tell (PS3.3 C.11.6)."""
    shape = "INVERSE" if source.PhotometricInterpretation == "MONOCHROME1" else "IDENTITY"
    return hd.pr.GrayscaleSoftcopyPresentationState(
        presentation_lut_transformation=hd.PresentationLUTTransformation(
            presentation_lut_shape=shape
        ),
        **arguments,
    )


def _colour(source: Dataset, arguments: dict[str, Any]) -> Dataset:
    """Build with the source's colours, or sRGB's: a profile is mandatory (PS3.3 C.11.15)."""
    own = source.get("ICCProfile")
    profile = input_profile(own) if own else srgb_profile()
    dataset = hd.pr.ColorSoftcopyPresentationState(icc_profile=profile, **arguments)
    if not own:
        dataset.ColorSpace = "SRGB"
    return dataset


def _base(header: Dataset) -> Dataset:
    """Return a copy of ``header`` that highdicom takes for an image to be presented."""
    base = header_copy(header)
    if base.PhotometricInterpretation == "PALETTE COLOR":
        base.SamplesPerPixel = 3  # once its table is applied, as it is before all else (PS3.4 N.2)
    if "NumberOfFrames" in base and "SharedFunctionalGroupsSequence" not in base:
        # It looks for window and rescaling in the functional groups of every multi-frame image.
        shared = Dataset()
        for sequence, keywords in _MOVED:
            if all(base.get(one) is not None for one in keywords):
                item = Dataset()
                for one in keywords:
                    setattr(item, one, base.get(one))
                setattr(shared, sequence, [item])
        base.SharedFunctionalGroupsSequence = [shared]
        base.PerFrameFunctionalGroupsSequence = [Dataset() for _ in range(int(base.NumberOfFrames))]
    return base
