"""Reading: from files on the spool to the decoded series a model is handed."""

from collections.abc import Sequence
from pathlib import Path

import structlog

from shared.dicom.pixels import read_frames
from shared.errors import BadInputError
from workers.contract import Image, PixelSpacing, Series
from workers.findings import Findings
from workers.runtime.request import InstanceFile, SeriesFiles

log = structlog.get_logger()


def read_all(
    files: Sequence[SeriesFiles], *, as_values: bool = False
) -> tuple[tuple[Series, ...], tuple[Findings, ...]]:
    """Decode every instance; return the series, and a declining finding per undecodable image.

    ``as_values`` is as of :func:`shared.dicom.pixels.read_frames`.
    One broken image must not cost the study the results of the others. Series without an image
    that decodes are left out.

    Raises
    ------
    shared.errors.BadInputError
        No instance can be decoded: the first one's code and reason.
    shared.errors.TransientError
        A file cannot be read from disk.
    """
    series: list[Series] = []
    declined: list[Findings] = []
    errors: list[BadInputError] = []
    for one in files:
        images: list[Image] = []
        for instance in one.instances:
            try:
                images.append(_read(instance, one.series_instance_uid, as_values=as_values))
            except BadInputError as error:
                # What failed is for the log: the reason is read by clinicians.
                cause = type(error.__cause__).__name__
                log.info("image_not_read", code=error.code, reason=error.reason, cause=cause)
                errors.append(error)
                declined.append(_declined(instance, error.reason))
        if images:
            series.append(_series(one, images))
    if errors and not series:
        raise errors[0]
    return tuple(series), tuple(declined)


def _read(instance: InstanceFile, series_instance_uid: str, *, as_values: bool) -> Image:
    path = Path(instance.path)
    decoded = read_frames(path, scale_mm=instance.scale_mm, as_values=as_values)
    spacing = decoded.spacing
    return Image(
        sop_instance_uid=instance.sop_instance_uid,
        sop_class_uid=instance.sop_class_uid,
        series_instance_uid=series_instance_uid,
        pixels=decoded.pixels,
        spacing=None
        if spacing is None
        else PixelSpacing(
            row_mm=spacing.row_mm, column_mm=spacing.column_mm, source=spacing.source
        ),
        attributes=decoded.attributes,
    )


def _series(files: SeriesFiles, images: list[Image]) -> Series:
    return Series(
        series_instance_uid=files.series_instance_uid,
        modality=files.modality,
        description=files.description,
        images=tuple(images),
    )


def _declined(instance: InstanceFile, reason: str) -> Findings:
    return Findings(sop_instance_uid=instance.sop_instance_uid, eligible=False, reason=reason)
