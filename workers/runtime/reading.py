"""Reading: from files on the spool to the decoded series a model is handed."""

from pathlib import Path

from shared.dicom.pixels import read_frames
from workers.contract import Image, PixelSpacing, Series
from workers.runtime.request import SeriesFiles


def read_series(files: SeriesFiles) -> Series:
    """Decode every instance of a series.

    Raises
    ------
    shared.errors.BadInputError
        An instance cannot be decoded.
    """
    images = []
    for one in files.instances:
        decoded = read_frames(Path(one.path))
        spacing = decoded.spacing
        images.append(
            Image(
                sop_instance_uid=one.sop_instance_uid,
                sop_class_uid=one.sop_class_uid,
                series_instance_uid=files.series_instance_uid,
                pixels=decoded.pixels,
                spacing=None
                if spacing is None
                else PixelSpacing(
                    row_mm=spacing.row_mm, column_mm=spacing.column_mm, source=spacing.source
                ),
                attributes=decoded.attributes,
            )
        )
    return Series(
        series_instance_uid=files.series_instance_uid,
        modality=files.modality,
        description=files.description,
        images=tuple(images),
    )
