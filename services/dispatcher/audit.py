"""Audit: hands the events of the database on to the site's audit trail."""

import socket
from collections.abc import Sequence

import structlog

from shared.audit.channels import Channel
from shared.audit.messages import AuditedEvent, audit_message
from shared.db.audit import enter_channels, relay_events
from shared.db.engine import Database
from shared.errors import TransientError

log = structlog.get_logger()


class AuditRelay:
    """Sends what is due to every channel; without channels it does nothing, not even move on."""

    def __init__(
        self, database: Database, channels: Sequence[Channel], settle_seconds: float
    ) -> None:
        self._database = database
        self._channels = channels
        self._settle_seconds = settle_seconds

    def beat(self) -> None:
        """Send all that is due now; what a channel does not take is tried again next time.

        Each channel has its own position: one that is away neither holds up nor repeats the other.
        """
        if not self._channels:
            return
        with self._database.write() as session:
            enter_channels(session, [channel.name for channel in self._channels])
        for channel in self._channels:
            try:
                self._relay(channel)
            except TransientError as error:
                log.warning(
                    "audit_delayed", channel=channel.name, code=error.code, reason=error.reason
                )

    def _relay(self, channel: Channel) -> None:
        def send(event: AuditedEvent) -> None:
            message = audit_message(event, socket.gethostname())
            if message is not None:
                channel.send(message, event.at.isoformat(timespec="milliseconds"))

        while relay_events(self._database, channel.name, send, self._settle_seconds):
            pass
