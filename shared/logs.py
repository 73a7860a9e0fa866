"""Logs: JSON lines with named fields; UIDs and job ids, never patient identity."""

import functools
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
import structlog.tracebacks

# Fields that would carry identity if a caller ever passed them by mistake.
_FORBIDDEN = frozenset(
    {"patient_name", "patient_id", "patient_birth_date", "accession_number", "dataset"}
)


def configure_logs(service: str, level: str = "INFO") -> None:
    """Send every log of this process, ours and libraries', to stderr as JSON lines."""
    shared_processors: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        functools.partial(_add_service, service),
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _drop_identity,
    ]
    structlog.configure(
        processors=[*shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Without local variables: those of a parser hold what it was reading.
                structlog.processors.ExceptionRenderer(
                    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
                ),
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared_processors,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # pynetdicom and pydicom print attribute values, names among them, below WARNING.
    for name in ("pynetdicom", "pydicom", "highdicom", "dicomweb_client"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _add_service(
    service: str, _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    # Not a context variable: threads that a library starts would not have it.
    event["service"] = service
    return event


def _drop_identity(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key in _FORBIDDEN & event.keys():
        del event[key]
    return event
