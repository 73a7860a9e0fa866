"""Fetching the viewer, with packages made here and an npm of our own."""

import base64
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from services.local import ohif
from shared.errors import ConfigurationError


def package(path: Path, names: tuple[str, ...]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    return path


def integrity(path: Path) -> str:
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest())
    return f"sha512-{digest.decode()}"


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put an npm in the path that gives a small package, and count its runs; give that file."""
    made = package(
        tmp_path / "made.tgz", ("package/README.md", "package/dist/index.html", "package/dist/a/b")
    )
    monkeypatch.setattr(ohif, "INTEGRITY", integrity(made))
    folder = tmp_path / "bin"
    folder.mkdir()
    runs = tmp_path / "runs"
    script = f'#!/bin/sh\necho "$2" >> {runs}\nfor last in "$@"; do :; done\ncp {made} "$last"\n'
    (folder / "npm").write_text(script)
    (folder / "npm").chmod(0o755)
    monkeypatch.setattr(ohif, "search_path", lambda: str(folder))
    return runs


def test_the_viewer_is_fetched_once(npm: Path, tmp_path: Path) -> None:
    first = ohif.find_ohif(tmp_path / "cache")
    again = ohif.find_ohif(tmp_path / "cache")

    assert first == again
    assert (first / "index.html").is_file()
    assert npm.read_text().split() == [ohif.PACKAGE]
    assert [one.name for one in (tmp_path / "cache").iterdir()] == [first.name]


def test_other_bytes_than_we_know_are_not_unpacked(
    npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ohif, "INTEGRITY", "sha512-AAAA")

    with pytest.raises(ConfigurationError, match="SHA-512"):
        ohif.find_ohif(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_only_the_built_viewer_is_unpacked(tmp_path: Path) -> None:
    made = package(
        tmp_path / "made.tgz",
        ("package/package.json", "package/dist/app.js", "package/dist/ort/big.wasm"),
    )

    ohif.unpack(made, tmp_path / "dist")

    found = [one.relative_to(tmp_path / "dist") for one in (tmp_path / "dist").rglob("*")]
    assert found == [Path("app.js")]


def test_a_package_cannot_write_outside_its_folder(tmp_path: Path) -> None:
    made = package(tmp_path / "made.tgz", ("package/dist/../../outside",))

    with pytest.raises(tarfile.FilterError):
        ohif.unpack(made, tmp_path / "dist")


def test_without_npm_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ohif, "search_path", lambda: "/nowhere")

    with pytest.raises(ConfigurationError, match="install npm"):
        ohif.find_ohif(tmp_path)


def test_an_npm_that_fails_is_reported(
    npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin" / "npm").write_text("#!/bin/sh\nexit 1\n")

    with pytest.raises(ConfigurationError, match="cannot fetch"):
        ohif.find_ohif(tmp_path / "cache")
