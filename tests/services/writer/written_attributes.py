"""Which attributes the results hold at their top level, as the conformance statement lists them."""

import io
from pathlib import Path

from pydicom import dcmread

from tests import factories
from tests.services.writer.samples import build_series

ROLES = ("seg", "sr", "pm", "sr-image", "sc", "pdf", "pr")


def written_attributes(folder: Path) -> dict[str, set[str]]:
    """Return role → keywords that every result of it holds, whatever its source."""
    found: dict[str, set[str]] = {}
    for source in (factories.rgb_photo(), factories.jpeg_photo(), factories.byte_stack()):
        for one in build_series([source], folder, extra_roles={"pdf", "pr"}):
            keywords = {element.keyword for element in dcmread(io.BytesIO(one.content))}
            found[one.role] = found.get(one.role, keywords) & keywords
    return found
