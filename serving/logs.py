"""Structured logs: JSON outside a terminal; never a history, a secret or a raw query text."""

import logging
import sys

import structlog

# A frame's locals hold keys, bodies and histories: a traceback names places only.
TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def configure_logs(level: int = logging.INFO) -> None:
    """Set structlog up for this process."""
    terminal = sys.stderr.isatty()
    renderer = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    processors = structlog.get_config()["processors"] if structlog.is_configured() else []
    processors[:] = [  # in place, as loggers that were used before hold on to this list
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.dev.set_exc_info if terminal else TRACEBACKS,
        renderer,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
