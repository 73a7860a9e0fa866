"""OHIF: the built viewer (MIT), fetched once as a pinned npm package, kept in the user's cache."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from services.local.settings import environment, search_path
from shared.errors import ConfigurationError

VERSION = "3.13.2"
PACKAGE = f"@ohif/app@{VERSION}"
INTEGRITY = (
    "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j"
    "4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
)
"""What npm calls the package's integrity (Subresource Integrity); checked before unpacking."""

_LEFT_OUT = "package/dist/ort/"  # 136 MB of an ONNX runtime, for tools that no result of ours needs
_FETCH_SECONDS = 300.0


def find_ohif(cache: Path) -> Path:
    """Return the folder with the viewer's ``index.html`` below ``cache``, fetched if need be.

    Raises
    ------
    ConfigurationError
        It cannot be fetched (``no-viewer``): no npm, no registry, or other bytes than we know.
    """
    folder = cache / f"ohif-{VERSION}"
    if (folder / "index.html").is_file():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".ohif-", dir=cache) as scratch:
        package = _pack(Path(scratch))
        check_integrity(package, INTEGRITY)
        unpack(package, Path(scratch) / "dist")
        try:
            (Path(scratch) / "dist").rename(folder)
        except OSError:
            # Another process was quicker; what it left passed the same check.
            if not (folder / "index.html").is_file():
                raise
    return folder


def check_integrity(package: Path, integrity: str) -> None:
    """Raise :class:`ConfigurationError` unless ``package`` has this SHA-512."""
    with package.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != integrity:
        raise ConfigurationError(
            f"what npm fetched is not the {PACKAGE} we know: its SHA-512 differs", code="no-viewer"
        )


def unpack(package: Path, target: Path) -> None:
    """Unpack the built viewer of npm package ``package`` into the new folder ``target``."""
    with tarfile.open(package) as archive:
        archive.extractall(target, _built(archive), filter="data")


def _built(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    prefix = "package/dist/"
    for member in archive:
        if member.name.startswith(prefix) and not member.name.startswith(_LEFT_OUT):
            yield member.replace(name=member.name.removeprefix(prefix))


def _pack(folder: Path) -> Path:
    npm = shutil.which("npm", path=search_path())
    if npm is None:
        raise ConfigurationError("no npm to fetch the viewer with: install npm", code="no-viewer")
    # Packing runs no script and installs no dependency: dist is built already.
    command = [npm, "pack", PACKAGE, "--ignore-scripts", "--silent", "--pack-destination"]
    try:
        ended = subprocess.run(  # noqa: S603 - our own command
            [*command, str(folder)],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigurationError(
            f"npm did not fetch {PACKAGE} within {_FETCH_SECONDS:g} s", code="no-viewer"
        ) from error
    found = next(folder.glob("*.tgz"), None)
    if ended.returncode != 0 or found is None:
        raise ConfigurationError(
            f"npm cannot fetch the viewer; `npm pack {PACKAGE}` says why",
            code="no-viewer",
        )
    return found
