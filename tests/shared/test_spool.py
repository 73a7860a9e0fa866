import hashlib
import os
from pathlib import Path

import pytest

from services.listener.room import Room
from shared.errors import ResourceError
from shared.spool import Spool


def test_bytes_lie_under_their_digest(spool: Spool) -> None:
    file = spool.write_by_digest("instances", b"content")

    sha256 = hashlib.sha256(b"content").hexdigest()
    assert file.key == f"instances/{sha256[:2]}/{sha256}.dcm"
    assert spool.path(file.key).read_bytes() == b"content"


def test_writing_the_same_bytes_twice_is_harmless(spool: Spool) -> None:
    assert spool.write_by_digest("a", b"x") == spool.write_by_digest("a", b"x")


@pytest.mark.parametrize("key", ["../evil", "/etc/passwd", "a/../../evil"])
def test_a_key_cannot_leave_the_spool(spool: Spool, key: str) -> None:
    with pytest.raises(ValueError, match="leaves"):
        spool.path(key)


def test_file_and_folder_are_synced_before_the_key_is_handed_out(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    file = spool.write("jobs/one.bin", b"x")

    assert any(name.startswith(".one.bin") for name in synced), "the file itself"
    assert synced[-1] == spool.path(file.key).parent.name, "its folder, after the rename"


def test_a_full_disk_is_a_resource_error_and_leaves_nothing(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    spool.write("area/first", b"x")
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(ResourceError, match="No space left"):
        spool.write("area/second", b"x")
    assert [one.name for one in spool.path("area").iterdir()] == ["first"]


def test_a_folder_is_removed_with_what_it_holds(spool: Spool) -> None:
    spool.write("jobs/1/2/findings.json", b"{}")

    spool.remove("jobs/1")
    spool.remove("jobs/1")

    assert not spool.path("jobs/1").exists()


def test_a_spool_that_lost_its_mark_has_no_room(spool: Spool) -> None:
    assert spool.free_bytes() > 0
    spool.mark()
    assert spool.free_bytes() > 0
    spool.remove(".cutis-spool")
    with pytest.raises(FileNotFoundError):
        spool.free_bytes()
    assert not Room(spool, min_free_bytes=0, max_bytes=0).take()
