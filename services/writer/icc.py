"""ICC: colour profiles as DICOM allows them (PS3.3 C.11.15)."""

import struct

from PIL import ImageCms

_CLASS, _CREATED, _ID = slice(12, 16), slice(24, 36), slice(84, 100)  # of the header, ICC.1 7.2
_INPUT = (b"scnr", b"spac")


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
