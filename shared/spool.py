"""Spool: where pixels wait between steps, addressed by digest or by job."""

import contextlib
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ResourceError
from shared.failpoints import failpoint

FRESH_SECONDS = 600.0
"""A file written so lately belongs to whoever wrote it: the same image may arrive again."""

MARK = ".cutis-spool"
"""The empty file in the root of a spool, which an empty mount point lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledFile:
    """A durable file: its key below the spool's root, its SHA-256 and its size in bytes."""

    key: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file that lies in the spool: its key, its bytes, when it was written (Unix seconds)."""

    key: str
    size: int
    modified: float


class Spool:
    """A folder tree with durable writes: bytes are fsynced before a key is handed out.

    ``instances/ab/<sha256>.dcm`` received, ``quarantine/ab/<sha256>.dcm`` set aside,
    ``jobs/<job_id>/…`` findings and results of a job. File names never come from the network.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._must_be_marked = False

    def path(self, key: str) -> Path:
        """Return the absolute path of ``key``; ``ValueError`` if it leaves the spool."""
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root):
            raise ValueError("spool key leaves the spool")
        return path

    def mark(self) -> None:
        """Put the mark of a spool into the root; from then on nothing is taken without it.

        An empty mount point looks like an empty spool; the mark tells them apart.
        """
        if not self.is_marked():
            self.write(MARK, b"")
        self._must_be_marked = True

    def is_marked(self) -> bool:
        """Say whether the root has the mark of a spool."""
        return (self._root / MARK).is_file()

    def write_by_digest(self, area: str, content: bytes) -> SpooledFile:
        """Write ``content`` durably under its own digest in ``area``; writing twice is harmless."""
        sha256 = hashlib.sha256(content).hexdigest()
        return self._write(f"{area}/{sha256[:2]}/{sha256}.dcm", content, sha256)

    def write(self, key: str, content: bytes) -> SpooledFile:
        """Write ``content`` at ``key``: temporary file, fsync, rename, fsync of the folder.

        Raises
        ------
        ResourceError
            The file system refused (full, read-only, I/O error); nothing is left behind.
        """
        return self._write(key, content, hashlib.sha256(content).hexdigest())

    def _write(self, key: str, content: bytes, sha256: str) -> SpooledFile:
        target = self.path(key)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            self._make_folder(target.parent)
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                failpoint("spool.before-fsync")
                os.fsync(file.fileno())
            failpoint("spool.before-rename")
            temporary.replace(target)
            failpoint("spool.after-rename")
            sync_folder(target.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise ResourceError(f"spool cannot write: {error.strerror}", code="spool") from error
        return SpooledFile(key=key, sha256=sha256, size=len(content))

    def job_folder(self, job_id: str, token: int) -> str:
        """Return the key of the folder that attempt ``token`` of ``job_id`` writes into."""
        return f"jobs/{job_id}/{token}"

    def remove(self, key: str) -> None:
        """Remove a file or folder; missing is fine."""
        path = self.path(key)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Return the bytes still free on the spool's file system.

        ``FileNotFoundError`` where its mark is gone: the volume is not mounted.
        """
        if self._must_be_marked and not self.is_marked():
            raise FileNotFoundError(errno.ENOENT, "the spool has lost its mark")
        self._make_folder(self._root)
        return shutil.disk_usage(self._root).free

    def used_bytes(self) -> int:
        """Return the bytes in all files of the spool; what vanishes meanwhile does not count."""
        return sum(one.size for one in self.files(""))

    def files(self, key: str) -> Iterator[FoundFile]:
        """Yield the files at and below folder ``key``; a folder that is missing has none."""
        folders = [self.path(key)]
        while folders:
            try:
                entries = list(os.scandir(folders.pop()))
            except (FileNotFoundError, NotADirectoryError):
                continue
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                        continue
                    found = entry.stat(follow_symlinks=False)
                    name = Path(entry.path).relative_to(self._root).as_posix()
                    yield FoundFile(key=name, size=found.st_size, modified=found.st_mtime)

    def remove_old(self, key: str, seconds: float = FRESH_SECONDS) -> bool:
        """Remove a file unless it was written in the last ``seconds``; say whether it is gone.

        A file that a writer puts there in this very moment is put back: writers replace files,
        and a fresh one belongs to whoever wrote it. A crash before that leaves it aside: see
        :meth:`files_aside`.
        """
        path = self.path(key)
        aside = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}{_ASIDE}")
        try:
            if time.time() - path.stat().st_mtime < seconds:
                return False
            path.rename(aside)
            if time.time() - aside.stat().st_mtime < seconds:
                aside.rename(path)
                return False
            aside.unlink()
        except FileNotFoundError:
            return True
        return True

    def files_aside(self, area: str) -> Iterator[tuple[str, str]]:
        """Yield what a removal that did not end left below ``area``: its key, and the one it had.

        Only those whose own key has no file.
        """
        for one in self.files(area):
            folder, _, name = one.key.rpartition("/")
            if name.endswith(_ASIDE):
                key = f"{folder}/{name.removesuffix(_ASIDE).rsplit('.', 2)[0].removeprefix('.')}"
                if not self.path(key).exists():
                    yield one.key, key

    def put_back(self, aside: str, key: str) -> None:
        """Give a file of :meth:`files_aside` its own key again; it may be gone meanwhile."""
        with contextlib.suppress(FileNotFoundError):
            self.path(aside).rename(self.path(key))
            sync_folder(self.path(key).parent)

    def _make_folder(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for one in reversed(missing):
            one.mkdir(exist_ok=True)
            # The new name is durable only once its parent folder is.
            sync_folder(one.parent)


_ASIDE = ".removed"


def sync_folder(folder: Path) -> None:
    """Fsync ``folder`` so that names created or renamed in it survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
