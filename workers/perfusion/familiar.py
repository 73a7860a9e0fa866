"""Familiar: phantoms that a photo is compared with before the answer is trusted.

``python -m workers.perfusion.familiar`` fits it anew for weights that are there.
"""

from workers.learning.familiarity import photo_picture, renew_from_command_line
from workers.learning.grayscale import Pixels
from workers.perfusion.phantom import keloid
from workers.perfusion.spec import SPEC


def drawn(subject: int) -> Pixels:
    """Return the picture of a phantom."""
    return photo_picture(keloid(subject).photo)


def main() -> None:
    """Fit anew, for the weights in a folder, and write beside them."""
    renew_from_command_line(SPEC.name, drawn)


if __name__ == "__main__":
    main()
