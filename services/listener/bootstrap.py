"""Bootstrap: put the listener together from its settings."""

import ssl
import threading
import time
from collections.abc import Callable
from typing import cast

import pydicom.config
import structlog
from pynetdicom import (
    AE,
    VerificationPresentationContexts,
    evt,
)

from services.listener.admission import Admission
from services.listener.association import Associations
from services.listener.budget import Budget
from services.listener.certificates import Binding
from services.listener.complaints import Complaints, complain_for_libraries
from services.listener.connections import Connections
from services.listener.contexts import TRANSFER_SYNTAXES, storage_sop_classes
from services.listener.guard import Bounds
from services.listener.reconcile import Reconciler, make_reconciler
from services.listener.released import ReleasedInstances
from services.listener.server import GuardedServer
from services.listener.settings import ListenerSettings, ReconcileSettings
from services.listener.storage import InstanceStore
from shared.db.engine import Database
from shared.db.pacs import follow_only
from shared.db.retention import holds_files
from shared.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from shared.errors import ConfigurationError
from shared.pulse import Pulse
from shared.settings import PacsSettings, Settings
from shared.spool import Spool
from shared.tls import TlsFiles, server_context
from shared.vital import vital_thread

log = structlog.get_logger(__name__)


class Listener:
    """A Storage and Verification SCP that runs until it is stopped."""

    def __init__(
        self,
        settings: Settings,
        own: ListenerSettings,
        reconcile: ReconcileSettings | None = None,
        pacs: PacsSettings | None = None,
    ) -> None:
        self._settings = settings
        self._own = own
        self._stopping = threading.Event()
        self._database = Database(settings.database_address())
        self._complaints = Complaints()
        budget = Budget(own.memory_bytes)
        self._connections = Connections(_bounds(own), self._complaints, budget)
        self._spool = spool = Spool(settings.spool)
        store = InstanceStore(self._database, spool, own.min_free_bytes, settings.spool_max_bytes)
        self._released = ReleasedInstances(self._database, spool, store, settings.ae_title)
        self._associations = Associations(
            listener=own.listener_name(),
            admission=Admission(
                ae_title=settings.ae_title,
                allowed_ae_titles=own.allowed_ae_titles,
                allowed_addresses=own.allowed_addresses,
                max_associations=own.max_associations,
                binding=_binding(own),
            ),
            database=self._database,
            store=store,
            complaints=self._complaints,
            budget=budget,
        )
        self._reconciler: Reconciler | None = None
        if reconcile is not None and reconcile.url:
            self._reconciler = make_reconciler(
                reconcile,
                pacs or PacsSettings(),
                own,
                database=self._database,
                store=store,
                budget=budget,
            )
        self._server: GuardedServer | None = None
        self._pulse = Pulse(settings.pulse_file)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Listen, in threads of our own.

        Raises
        ------
        ConfigurationError
            The address cannot be bound, the TLS files cannot be used, or the spool is not there.
        """
        # Never print a value that breaks a rule: it may be a name.
        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
        complain_for_libraries(self._complaints)
        self._open_spool()
        with self._database.write() as session:
            followed = self._reconciler.pacs if self._reconciler else None
            follow_only(session, followed)
        self._associations.start()
        self._server = self._open_server()
        self._pulse.beat()
        self._run("server", self._server.serve_forever)
        self._run("heart", self._keep_alive)
        pause = self._settings.heartbeat_seconds
        self._run("released", lambda: self._released.run(self._stopping, pause))
        if self._reconciler is not None:
            reconciler = self._reconciler
            self._run("reconciler", lambda: reconciler.run(self._stopping))
        if not self._own.allowed_ae_titles or not self._own.allowed_addresses:
            log.warning("nobody may send: allowed_ae_titles or allowed_addresses is empty")
        log.info(
            "listening",
            ae_title=self._settings.ae_title,
            host=self._own.host,
            port=self._own.port,
            tls=self._own.tls_certificate is not None,
            allowed_ae_titles=list(self._own.allowed_ae_titles),
        )

    def stop(self) -> None:
        """Accept nobody new, let open associations finish for a while, abort the rest."""
        self._stopping.set()
        if self._server is None:
            return
        self._server.shutdown()
        deadline = time.monotonic() + self._own.drain_seconds
        while self._associations.count() and time.monotonic() < deadline:
            time.sleep(0.05)
        for association in self._server.active_associations:
            association.abort()
        for thread in self._threads:
            thread.join(timeout=5)
        self._associations.stop()
        self._database.dispose()
        log.info("stopped")

    def _open_spool(self) -> None:
        # A mark lacks in a new spool, in one of an earlier version, and where a volume is missing.
        if not self._spool.is_marked() and not any(self._spool.files("instances")):
            with self._database.read() as session:
                if holds_files(session):
                    raise ConfigurationError(
                        "the database knows files of this spool, but it is empty: is its volume"
                        " mounted? Where they are lost, put an empty file .cutis-spool into it",
                        code="spool",
                    )
        self._spool.mark()

    def _run(self, name: str, target: Callable[[], None]) -> None:
        thread = vital_thread(target, name=name, stopping=self._stopping)
        thread.start()
        self._threads.append(thread)

    def _keep_alive(self) -> None:
        while not self._stopping.wait(self._settings.heartbeat_seconds):
            self._connections.sweep()
            if self._associations.keep_alive():
                self._pulse.beat()

    def _open_server(self) -> GuardedServer:
        own = self._own
        entity = _application_entity(self._settings.ae_title, own)
        opened = (evt.EVT_CONN_OPEN, self._connections.guard)
        try:
            server = entity.make_server(
                (own.host, own.port),
                ssl_context=_tls(own),
                evt_handlers=[opened, *self._associations.handlers()],
                server_class=GuardedServer,
                connections=self._connections,
                complaints=self._complaints,
                handshake_seconds=own.request_seconds,
            )
            return cast("GuardedServer", server)
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {own.host}:{own.port}: {error.strerror}", code="bind"
            ) from error


def _bounds(own: ListenerSettings) -> Bounds:
    return Bounds(
        max_pdu=own.max_pdu,
        pdu_seconds=own.pdu_seconds,
        message_seconds=own.message_seconds,
        max_instance_bytes=own.max_instance_bytes,
        max_connections=2 * own.max_associations,
        max_connections_per_address=own.max_connections_per_address,
        handshake_seconds=own.request_seconds,
    )


def _application_entity(ae_title: str, own: ListenerSettings) -> AE:
    entity = AE(ae_title)
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.maximum_pdu_size = own.max_pdu
    entity.acse_timeout = own.request_seconds
    entity.network_timeout = own.idle_seconds
    # Associations are counted, refused and written down in association.py; this never bites.
    entity.maximum_associations = 4 * own.max_associations
    for context in VerificationPresentationContexts:
        entity.add_supported_context(str(context.abstract_syntax))
    for sop_class_uid in storage_sop_classes():
        entity.add_supported_context(sop_class_uid, list(TRANSFER_SYNTAXES))
    return entity


def _tls(own: ListenerSettings) -> ssl.SSLContext | None:
    if own.tls_certificate is None:
        return None
    files = TlsFiles(
        certificate=own.tls_certificate, key=own.tls_key, authorities=own.tls_client_authorities
    )
    return server_context(files)


def _binding(own: ListenerSettings) -> Binding | None:
    if own.tls_certificate is None or own.tls_client_authorities is None:
        return None
    return Binding(own.tls_names) if own.tls_bind_ae_titles else None
