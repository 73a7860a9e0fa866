"""Bootstrap: wire the API from its settings and run it."""

import logging
import signal

import uvicorn

from services.api.app import create_app
from services.api.settings import ApiSettings
from shared.db.engine import Database
from shared.db.processes import beat, say_goodbye
from shared.heart import Heart
from shared.settings import Settings

_ROLE = "api"
_GRACE_SECONDS = 10


def serve(settings: Settings, api_settings: ApiSettings) -> None:
    """Serve until SIGTERM or SIGINT, then let open requests end.

    Raises
    ------
    ConfigurationError
        A setting is wrong.
    """
    database = Database(settings.database_address())
    # Alembic reports at INFO whenever a probe asks for the version of the schema.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    app = create_app(database, settings, api_settings)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=api_settings.host,
            port=api_settings.port,
            log_config=None,  # shared.logs has the root logger already
            access_log=False,  # the page asks every two seconds; changes are logged by their routes
            server_header=False,
            proxy_headers=bool(api_settings.trusted_proxies),
            forwarded_allow_ips=list(api_settings.trusted_proxies),
            ssl_certfile=api_settings.tls_certificate,
            ssl_keyfile=api_settings.tls_key,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    # Uvicorn raises the signal that stopped it once more, for whoever handled it before: nobody
    # does, and without this the process would die before it says goodbye.
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: None)
    with Heart(lambda: _beat(database), settings.heartbeat_seconds, "process"):
        server.run()
    with database.write() as session:
        say_goodbye(session, _ROLE)
    database.dispose()


def _beat(database: Database) -> None:
    with database.write() as session:
        beat(session, _ROLE)
