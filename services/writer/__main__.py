"""Start the writer: ``python -m services.writer``."""

import contextlib

from services.writer.bootstrap import bootstrap
from services.writer.settings import WriterSettings
from shared.consumer import consume
from shared.db.engine import Database
from shared.db.processes import beat, say_goodbye
from shared.dicom.decoder import Decoder
from shared.heart import Heart
from shared.logs import configure_logs
from shared.memory import bound_memory
from shared.messages import WRITER_QUEUE
from shared.pulse import Pulse
from shared.settings import PacsSettings, Settings

_BEAT_SECONDS = 5.0


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings, writer_settings = Settings(), WriterSettings()
    configure_logs("writer", settings.log_level)
    bound_memory(writer_settings.memory_bytes)
    pulse = Pulse(settings.pulse_file)
    with contextlib.ExitStack() as stack:
        decoder = stack.enter_context(
            Decoder(
                seconds=writer_settings.decoder_seconds,
                memory_bytes=writer_settings.memory_bytes,
            )
        )
        broker, database, reporter = bootstrap(settings, PacsSettings(), writer_settings, decoder)
        stack.enter_context(Heart(lambda: _beat(database, pulse), _BEAT_SECONDS, "process"))
        if reporter is not None:
            sweep_seconds = writer_settings.absence_sweep_seconds
            stack.enter_context(Heart(reporter.sweep, sweep_seconds, "absence"))
        consume(
            broker,
            [WRITER_QUEUE],
            concurrency=writer_settings.concurrency,
            name="writer",
            stall_seconds=settings.stall_seconds,
        )
    with database.write() as session:
        say_goodbye(session, "writer")


def _beat(database: Database, pulse: Pulse) -> None:
    with database.write() as session:
        beat(session, "writer", {"queues": [WRITER_QUEUE]})
    pulse.beat()


if __name__ == "__main__":
    main()
