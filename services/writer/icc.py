"""ICC: colour profiles as DICOM allows them (PS3.3 C.11.15)."""

import io
import struct

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms
from pydicom.dataset import Dataset

_CLASS, _CREATED, _ID = slice(12, 16), slice(24, 36), slice(84, 100)  # of the header, ICC.1 7.2
_INPUT = (b"scnr", b"spac")


def picture_in_srgb(picture: npt.NDArray[np.uint8], source: Dataset) -> Image.Image:
    """Return ``picture``, (rows, columns, 3) uint8 RGB in the colours of ``source``, in sRGB.

    For formats whose readers take plain RGB for sRGB. Unchanged where the source has no profile
    for its colours, or one that cannot be used.
    """
    image = Image.fromarray(picture)
    profile = source.get("ICCProfile")
    if not profile or source.get("PhotometricInterpretation") == "MONOCHROME2":
        return image
    try:
        turned = ImageCms.profileToProfile(
            image, io.BytesIO(profile), ImageCms.createProfile("sRGB")
        )
    except ImageCms.PyCMSError:
        return image
    return image if turned is None else turned


def srgb_profile() -> bytes:
    """Return the sRGB profile; always the same bytes."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_CREATED] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # not the clock's
    return input_profile(bytes(profile))


def input_profile(profile: bytes) -> bytes:
    """Return ``profile`` as one of the input class.

    DICOM allows no other class, and the usual sRGB profile is a display's ("mntr"). Both classes
    map colours by the same tags (ICC.1 8.3, 8.4), so only the name of the class changes.
    """
    if profile[_CLASS] in _INPUT:
        return profile
    changed = bytearray(profile)
    changed[_CLASS] = _INPUT[0]
    changed[_ID] = bytes(16)  # a digest of what was changed; zero where there is none
    return bytes(changed) + b"\0" * (len(changed) % 2)
