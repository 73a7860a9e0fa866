"""Familiar: phantoms that an LC-OCT frame is compared with before the answer is trusted.

``python -m workers.layers.familiar`` fits it anew for weights that are there.
"""

from workers.layers.evaluate import spacing_of, unseen_section
from workers.layers.preprocess import picture
from workers.layers.spec import SPEC
from workers.learning.familiarity import renew_from_command_line
from workers.learning.grayscale import Pixels


def drawn(subject: int) -> Pixels:
    """Return the picture of a phantom."""
    one = unseen_section(subject)
    return picture(one.pixels, spacing_of(one))


def main() -> None:
    """Fit anew, for the weights in a folder, and write beside them."""
    renew_from_command_line(SPEC.name, drawn)


if __name__ == "__main__":
    main()
