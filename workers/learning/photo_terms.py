"""Photo terms: the words that tell a clinical photo from other colour pictures. Torch-free."""

import re

NOT_A_PHOTO = re.compile(
    r"lsci|perfusion|laser[ _-]?(speckle|doppler)|speckle|pimsoft|pericam|moor"
    r"|derm(at)?o?scop|vivacam|confocal|vivascope",
    re.IGNORECASE,
)
"""Found in the texts of a picture that some other device made: no model of photos reads it."""
