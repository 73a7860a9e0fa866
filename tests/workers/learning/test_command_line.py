import pytest

from workers.catalog import model_folder
from workers.learning.command_line import training_parser


def test_every_model_is_trained_by_the_same_options_into_its_own_folder() -> None:
    parser = training_parser("layers", steps=7)
    parser.add_argument("--subjects", type=int, default=3)

    asked = parser.parse_args(["--seed", "2", "--commit", "abc"])

    assert (asked.steps, asked.seed, asked.threads, asked.subjects) == (7, 2, 0, 3)
    assert asked.commit == "abc"
    assert asked.weights == model_folder("layers") / "weights"


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(SystemExit):
        training_parser("layers", steps=7).parse_args(["--stepz", "9"])
