import argparse
from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from workers.learning.folder import Folder, all_or_none, said, spacing_in

PATIENT = "Müller"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_is_read_with_and_without_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    table = tmp_path / "table.csv"
    table.write_text(f"image,patient\n1.png,{PATIENT}\n", encoding=encoding)
    assert said(table)["1"]["patient"] == PATIENT


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (f"image;patient\n1.png;{PATIENT}\n".encode(), "no column image"),
        (f"image,patient\n1.png,{PATIENT}\n".encode("latin-1"), "UTF-8"),
        (b"image,patient\n1.png,a\n1.png,b\n", "two lines"),
        (b"image,patient\n1.png," + b"x" * 200_000, "CSV"),
    ],
)
def test_a_table_that_cannot_be_read_says_why_and_quotes_nothing(
    tmp_path: Path, content: bytes, says: str
) -> None:
    table = tmp_path / "table.csv"
    table.write_bytes(content)
    with pytest.raises(ConfigurationError, match=says) as caught:
        said(table)
    assert "ller" not in str(caught.value)


def test_a_missing_table_or_folder_is_a_clear_answer(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="FileNotFoundError"):
        said(tmp_path / "none.csv")
    folder = Folder(images=tmp_path, masks=tmp_path / "none", segments=(1,), alone=1)
    with pytest.raises(ConfigurationError, match="no folder none"):
        folder.cases()


@pytest.mark.parametrize("size", ["nan", "inf", "0", "-1", "", "half"])
def test_what_is_no_pixel_size_is_none(size: str) -> None:
    with pytest.raises(ConfigurationError, match="row_um"):
        spacing_in({"row_um": size, "column_um": "0.5"})


def test_options_that_need_each_other_are_given_together() -> None:
    given = argparse.Namespace(images=Path("a"), masks=None, maps=None)
    with pytest.raises(ConfigurationError, match="--masks, --maps"):
        all_or_none(given, "images", "masks", "maps")
    assert all_or_none(given, "images")
    assert not all_or_none(given, "masks", "maps")
