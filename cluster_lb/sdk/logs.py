"""Events of the parts that the SDK shares with nodes leave through the backend's own `logging`."""

from __future__ import annotations

import structlog


def use_stdlib_logging() -> None:
    """Unless the program configured structlog itself: its default would print to the backend's standard
    output."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
