from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from services.local.child_pipeline import child_pipeline
from services.local.phantoms import EXPECTED_MODELS, Kind
from services.local.pictures import heat_map, picture_of
from services.local.readback import ReadBack
from services.local.trial import EXPECTED_ROLES, KINDS, Outcome
from shared.colour_bar import colour_bar
from shared.errors import ConfigurationError
from tests import factories
from tests.services.writer.samples import build
from workers.catalog import models


def came_back(model: str, *, without: str = "", problem: str = "") -> list[ReadBack]:
    return [
        ReadBack(model=model, role=role, path=Path(f"{model}-{role}.dcm"), problem=problem)
        for role in EXPECTED_ROLES[model]
        if role != without
    ]


def outcome(kind: Kind, *read_back: ReadBack, state: str = "done") -> Outcome:
    return Outcome(
        kind=kind,
        study_instance_uid="1.2",
        record={"id": 1},
        jobs=[{"model": model, "state": state} for model in EXPECTED_MODELS[kind]],
        read_back=list(read_back),
    )


def test_the_demo_shows_every_model() -> None:
    shown = set().union(*(EXPECTED_MODELS[kind] for kind in KINDS))

    assert shown == set(models()) == set(EXPECTED_ROLES)


def test_a_study_whose_results_all_came_back_has_no_problem() -> None:
    assert outcome(Kind.LC_OCT, *came_back("layers")).problems() == []


@pytest.mark.parametrize("role", sorted(EXPECTED_ROLES["layers"]))
def test_each_missing_result_is_named(role: str) -> None:
    found = outcome(Kind.LC_OCT, *came_back("layers", without=role)).problems()

    assert found == [f"layers: not read back: {role}"]


def test_a_result_the_pacs_does_not_give_is_a_problem() -> None:
    found = outcome(Kind.LC_OCT, *came_back("layers", problem="the PACS answers 404")).problems()

    assert "layers-seg.dcm: the PACS answers 404" in found


def test_a_failed_job_is_a_problem() -> None:
    found = outcome(Kind.LC_OCT, *came_back("layers"), state="failed").problems()

    assert found == ["layers: failed"]


def test_a_model_that_was_never_asked_is_a_problem() -> None:
    one = outcome(Kind.LC_OCT)
    one.jobs = []

    assert "layers: was never asked" in one.problems()


def test_a_study_that_never_arrived_is_a_problem() -> None:
    one = outcome(Kind.LC_OCT)
    one.record = None

    assert one.problems() == ["the study never arrived at Cutis"]


def test_the_plain_picture_is_shown_as_it_is(tmp_path: Path) -> None:
    pixels = factories.lesion_photo()
    path = factories.save(factories.sc_photo(pixels), tmp_path / "picture.dcm")

    written = picture_of(path, "sc")

    assert written is not None
    with Image.open(written) as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_a_map_has_its_colour_bar_and_the_caution_below_it(tmp_path: Path) -> None:
    source = factories.rgb_photo()
    (built,) = [one for one in build(source, tmp_path) if one.role == "pm"]
    path = tmp_path / "map.dcm"
    path.write_bytes(built.content)

    written = picture_of(path, "pm")

    assert written is not None
    with Image.open(written) as image:
        drawn = np.asarray(image)
    bar = colour_bar(0.0, 0.5, highest=1.0)
    below = drawn[-200:]
    assert any((below[top : top + 20, 12:572] == bar[:20]).all() for top in range(180))
    assert (drawn == (255, 170, 60)).all(axis=-1).any()


def test_a_heat_map_gets_brighter_with_the_value() -> None:
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))

    picture = heat_map(ramp, (0.0, 1.0))
    brightness = picture.sum(axis=(0, 2), dtype=np.int64)

    assert picture.shape == (64, 64, 3)
    assert (np.diff(brightness) >= 0).all()
    assert brightness[-1] > brightness[0]


def test_a_flat_map_can_be_shown() -> None:
    assert heat_map(np.full((4, 4), 7.0), (7.0, 7.0)).shape == (4, 4, 3)


def test_a_value_outside_the_window_is_shown_as_its_end() -> None:
    picture = heat_map(np.array([[-5.0, 0.0, 1.0, 9.0]]), (0.0, 1.0))

    assert (picture[0, 0] == picture[0, 1]).all()
    assert (picture[0, 2] == picture[0, 3]).all()


def test_reports_are_no_pictures(tmp_path: Path) -> None:
    assert picture_of(tmp_path / "report.dcm", "sr") is None


def test_a_pipeline_that_cannot_start_tells_its_reason(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")

    with (
        pytest.raises(ConfigurationError, match="cannot make the folder"),
        child_pipeline(tmp_path / "data", tmp_path / "log"),
    ):
        pytest.fail("it cannot be ready")
