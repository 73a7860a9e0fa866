"""Familiar: phantoms that a photo is compared with before the answer is trusted.

``python -m workers.segmentation.familiar`` fits it anew for weights that are there.
"""

from workers.learning.command_line import weights_parser
from workers.learning.familiarity import photo_picture, renew
from workers.learning.grayscale import Pixels
from workers.segmentation.phantom import photo
from workers.segmentation.spec import SPEC


def drawn(subject: int) -> Pixels:
    """Return the picture of a phantom."""
    return photo_picture(photo(subject, 320).image)


def main() -> None:
    """Fit anew, for the weights in a folder, and write beside them."""
    given = weights_parser(SPEC.name).parse_args()
    renew(given.weights, drawn)


if __name__ == "__main__":
    main()
