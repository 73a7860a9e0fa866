"""DICOM over TLS, both ways, with dcmtk at the other end; and DICOMweb over https."""

import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from services.listener.bootstrap import Listener
from services.listener.settings import ListenerSettings
from shared.db.engine import Database
from shared.db.tables import Instance, RefusedSender
from shared.errors import ConfigurationError, CutisError, TransientError
from shared.pacs import Pacs, make_pacs
from shared.settings import PacsSettings, Settings
from shared.tls import TlsFiles, client_context, server_context
from tests import factories
from tests.certificates import Authority, Pair
from tests.database import sqlite_database
from tests.orthanc import free_port

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("storescu") is None, reason="dcmtk is not installed"),
]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with sqlite_database(tmp_path) as opened:
        yield opened


@contextmanager
def listener(database: Database, folder: Path, authority: Authority, **own: Any) -> Iterator[int]:
    server, port = authority.issue("CUTIS"), free_port()
    values = {
        "port": port,
        "allowed_ae_titles": ("PACS",),
        "min_free_bytes": 0,
        "request_seconds": 5,
        "drain_seconds": 0.2,
        "tls_certificate": server.certificate,
        "tls_key": server.key,
        "tls_client_authorities": authority.certificate,
        **own,
    }
    opened = Listener(
        Settings(database_url=database.url, spool=folder / "spool"), ListenerSettings(**values)
    )
    opened.start()
    try:
        yield port
    finally:
        opened.stop()


def storescu(port: int, file: Path, own: Pair, authority: Authority) -> bool:
    """Store ``file`` as PACS with dcmtk over TLS; say whether dcmtk was content."""
    tls = ["+tls", str(own.key), str(own.certificate), "+cf", str(authority.certificate)]
    where = ["-aet", "PACS", "-aec", "CUTIS", "127.0.0.1", str(port)]
    command = ["storescu", *tls, *where, str(file)]
    return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0


def stored(database: Database) -> int:
    with database.read() as session:
        return len(session.scalars(select(Instance.id)).all())


def test_a_sender_is_let_in_by_the_name_in_its_certificate(
    database: Database, tmp_path: Path, authority: Authority
) -> None:
    file = factories.save(factories.rgb_photo(), tmp_path / "photo.dcm")
    with listener(database, tmp_path, authority) as port:
        assert not storescu(port, file, authority.issue("OTHER"), authority)
        assert stored(database) == 0
        assert storescu(port, file, authority.issue("PACS"), authority)
        assert stored(database) == 1
    with database.read() as session:
        (refused,) = session.scalars(select(RefusedSender)).all()
    assert (refused.calling_ae_title, refused.count) == ("PACS", 1)
    assert "certificate" in refused.reason


def test_host_names_stand_for_ae_titles_where_the_site_says_so(
    database: Database, tmp_path: Path, authority: Authority
) -> None:
    file = factories.save(factories.rgb_photo(), tmp_path / "photo.dcm")
    by_name = authority.issue("archive", "pacs.example")
    with listener(database, tmp_path, authority, tls_names="PACS=PACS.example") as port:
        assert storescu(port, file, by_name, authority)
        assert not storescu(port, file, authority.issue("PACS"), authority)


def test_certificates_of_strangers_and_plain_dicom_get_nowhere(
    database: Database, tmp_path: Path, authority: Authority
) -> None:
    file = factories.save(factories.rgb_photo(), tmp_path / "photo.dcm")
    strange = Authority(tmp_path / "strange")
    with listener(database, tmp_path, authority) as port:
        assert not storescu(port, file, strange.issue("PACS"), authority)
        plain = ["storescu", "-aet", "PACS", "-aec", "CUTIS", "127.0.0.1", str(port), str(file)]
        assert subprocess.run(plain, check=False, capture_output=True, timeout=60).returncode != 0
        assert storescu(port, file, authority.issue("PACS"), authority), "it still listens"


def test_old_suites_are_refused(authority: Authority) -> None:
    own = authority.issue("CUTIS")
    context = server_context(TlsFiles(certificate=own.certificate, key=own.key))

    names = {one["name"] for one in context.get_ciphers()}

    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert names
    assert all("GCM" in one or "CHACHA20" in one for one in names), names
    assert not any(one.startswith(("AES", "RSA", "PSK", "SRP")) for one in names)


@contextmanager
def storescp(folder: Path, authority: Authority, name: str = "ARCHIVE") -> Iterator[int]:
    """Run dcmtk's archive, which needs a certificate from whoever calls."""
    own, port = authority.issue(name), free_port()
    folder.mkdir()
    tls = ["+tls", str(own.key), str(own.certificate), "+cf", str(authority.certificate)]
    with subprocess.Popen(
        ["storescp", *tls, "-od", str(folder), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            time.sleep(1)  # it answers no probe that is not TLS without logging an error
            yield port
        finally:
            process.terminate()


def dimse(port: int, authority: Path, own: Pair | None, **more: Any) -> Pacs:
    files: dict[str, Any] = (
        {} if own is None else {"tls_certificate": own.certificate, "tls_key": own.key}
    )
    settings = PacsSettings(
        store_by="c-store",
        dicomweb_url="",
        host="127.0.0.1",
        port=port,
        tls=True,
        tls_authorities=authority,
        timeout_seconds=10,
        **files,
        **more,
    )
    return make_pacs(settings, "CUTIS")


def test_results_go_out_over_tls_to_the_archive_we_mean_and_to_no_other(
    tmp_path: Path, authority: Authority
) -> None:
    own, archive = authority.issue("CUTIS"), tmp_path / "archive"
    content = factories.part10(factories.sc_photo())
    strange = Authority(tmp_path / "strange")
    with storescp(archive, authority) as port:
        dimse(port, authority.certificate, own).store(content)
        assert len(list(archive.iterdir())) == 1
        for wrong in (
            dimse(port, strange.certificate, own),  # an archive we have no reason to believe
            dimse(port, authority.certificate, None),  # it wants to know who we are
            dimse(port, authority.certificate, own, tls_server_name="another.example"),
        ):
            with pytest.raises(TransientError):
                wrong.store(content)
    assert len(list(archive.iterdir())) == 1


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_https_is_checked_against_the_authorities_of_the_settings(
    tmp_path: Path, authority: Authority
) -> None:
    own = authority.issue("web")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    context = server_context(
        TlsFiles(certificate=own.certificate, key=own.key, authorities=authority.certificate)
    )
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"https://127.0.0.1:{server.server_port}/dicom-web"

    def web(authorities: Path) -> Pacs:
        settings = PacsSettings(
            dicomweb_url=url,
            tls_authorities=authorities,
            tls_certificate=own.certificate,
            tls_key=own.key,
            timeout_seconds=10,
        )
        return make_pacs(settings, "CUTIS")

    try:
        assert not web(authority.certificate).has("1.2", "1.3", "1.4")
        with pytest.raises(CutisError) as caught:
            web(Authority(tmp_path / "strange").certificate).has("1.2", "1.3", "1.4")
        assert caught.value.code == "pacs-tls"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_files_that_are_no_certificates_stop_the_start(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    for files in (TlsFiles(certificate=wrong, key=wrong), TlsFiles(authorities=tmp_path / "none")):
        with pytest.raises(ConfigurationError, match="TLS files"):
            client_context(files)
    with pytest.raises(ConfigurationError, match="certificate"):
        server_context(TlsFiles())
