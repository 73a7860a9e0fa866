"""A small catalogue for tests: one model for colour, one for grayscale stacks."""

import re

from workers.contract import Acceptance, ModelSpec

COLOUR = ModelSpec(
    name="colour",
    version="1",
    title="Colour",
    accepts=(
        Acceptance(
            reason="a colour photo",
            modalities=frozenset({"XC"}),
            samples_per_pixel=3,
            not_text=re.compile("speckle", re.IGNORECASE),
        ),
    ),
    segments=(),
    training_data="none",
    declines=(
        Acceptance(reason="a picture of speckle", samples_per_pixel=3, text=re.compile("speckle")),
    ),
)
STACK = ModelSpec(
    name="stack",
    version="1",
    title="Stack",
    accepts=(
        Acceptance(
            reason="a grayscale stack",
            samples_per_pixel=1,
            min_frames=2,
            max_frames=10,
            text=re.compile("oct", re.IGNORECASE),
        ),
        Acceptance(reason="Modality OCT", modalities=frozenset({"OCT"})),
    ),
    segments=(),
    training_data="none",
)
CATALOGUE = {"colour": COLOUR, "stack": STACK}
