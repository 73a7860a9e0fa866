"""Familiar: phantoms that a confocal frame is compared with before the answer is trusted.

``python -m workers.inflammation.familiar`` fits it anew for weights that are there.
"""

from workers.inflammation.evaluate import spacing_of, unseen_field
from workers.inflammation.preprocess import picture
from workers.inflammation.spec import SPEC
from workers.learning.familiarity import renew_from_command_line
from workers.learning.grayscale import Pixels

_SIDES = (160, 240, 320, 400)


def drawn(subject: int) -> Pixels:
    """Return the picture of a phantom, in one of four sizes."""
    one, side = unseen_field(subject), _SIDES[subject % len(_SIDES)]
    return picture(one.pixels[:side, :side], spacing_of(one))


def main() -> None:
    """Fit anew, for the weights in a folder, and write beside them."""
    renew_from_command_line(SPEC.name, drawn)


if __name__ == "__main__":
    main()
