"""PM: one map of a group of images as a float32 DICOM Parametric Map (PS3.3 A.75)."""

import dataclasses
from collections.abc import Sequence

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from services.writer.anatomy import anatomy
from services.writer.geometry import geometry_note, neutral_copy, placed_sources
from services.writer.identity import Identity, concept
from services.writer.reading import Reading
from shared.dicom import codes
from workers.findings import ParametricMap

MAX_VALUES = 2**26
"""Largest map that is written (256 MiB): floats cannot be compressed, and every viewer of a study
fetches them."""


def build_pm(readings: Sequence[Reading], identity: Identity, index: int) -> Dataset | None:
    """Return map ``index`` of the findings, or ``None`` when it is larger than ``MAX_VALUES``.

    The values of one image are (frames, rows, columns), or (1, rows, columns) for a map that
    condenses all frames: that one gets neutral planes and refers to the whole source, not to a
    frame.
    """
    maps = [one.findings.maps[index] for one in readings]
    if sum(one.values.size for one in maps) > MAX_VALUES:
        return None
    found = dataclasses.replace(maps[0], values=np.concatenate([one.values for one in maps]))
    source = identity.source
    condensed = len(found.values) != sum(one.frames for one in readings)
    frame_of_reference_uid = identity.uid("frame-of-reference")  # the SEG's planes are the same
    if condensed:
        frame_of_reference_uid = identity.uid("frame-of-reference", "condensed")
        bases = [neutral_copy(source, frame_of_reference_uid, len(found.values))]
        placed = False
    else:
        bases, placed = placed_sources(identity.sources, frame_of_reference_uid)
    dataset = hd.pm.ParametricMap(
        source_images=bases,
        pixel_array=found.values,
        series_instance_uid=identity.series_instance_uid("pm", index),
        series_number=identity.series_number("pm", index),
        sop_instance_uid=identity.sop_instance_uid("pm", index),
        instance_number=1,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[_mapping(found)],
        voi_lut_transformations=[_window(found)],
        series_description=identity.series_description("pm", found.name),
        content_label="CUTIS",
        content_description=geometry_note(source, placed=placed),
        content_qualification="RESEARCH",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **identity.equipment(),
    )
    _say_what_is_seen(dataset, source)
    # Mandatory in the IOD (A.75); highdicom leaves it out, and dcmqi crashes without.
    shared = dataset.SharedFunctionalGroupsSequence[0]
    shared.FrameAnatomySequence = [anatomy(source).frame_anatomy()]
    if condensed:
        _refer_to_whole(dataset)
    return dataset


def _mapping(found: ParametricMap) -> hd.pm.RealWorldValueMapping:
    """Return what the values mean: quantity, unit and method (PS3.3 C.7.6.16.2.11.1.2)."""
    mapping = hd.pm.RealWorldValueMapping(
        lut_label=found.name[:16],
        lut_explanation=found.name[:64],
        unit=concept(found.unit),
        value_range=(float(found.values.min()), float(found.values.max())),
        slope=1.0,
        intercept=0.0,
        quantity_definition=concept(found.quantity),
    )
    if found.method is not None:  # highdicom writes the quantity alone
        mapping.QuantityDefinitionSequence.append(
            hd.sr.CodeContentItem(name=concept(codes.METHOD), value=concept(found.method))
        )
    return mapping


def _window(found: ParametricMap) -> hd.VOILUTTransformation:
    low, high = found.display_range
    return hd.VOILUTTransformation(
        window_center=(low + high) / 2,
        window_width=max(high - low, 1e-6),
        # LINEAR needs a width of at least 1 (PS3.3 C.11.2.1.2.1); scores span 0 to 1.
        voi_lut_function="LINEAR_EXACT",
    )


def _say_what_is_seen(dataset: Dataset, source: Dataset) -> None:
    """State of text and face what the source states (PS3.3 C.8.32.2); highdicom writes "NO".

    What the source does not exclude, a map of its pixels cannot exclude either.
    """
    for keyword in ("BurnedInAnnotation", "RecognizableVisualFeatures"):
        setattr(dataset, keyword, source.get(keyword) or "YES")


def _refer_to_whole(dataset: Dataset) -> None:
    for group in dataset.PerFrameFunctionalGroupsSequence:
        for derivation in group.get("DerivationImageSequence") or []:
            for image in derivation.SourceImageSequence:
                if "ReferencedFrameNumber" in image:
                    del image.ReferencedFrameNumber
