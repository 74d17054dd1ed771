"""Logs: one event a line on standard error, as JSON or as text for people.

Our own events (structlog) and those of libraries (logging) leave through one handler, in one form.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import Processor

_COMMON: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_QUIET = ("asyncio", "aiohttp.access")  # at `info` they tell what ours already says


def configure_logs(level: str, form: Literal["text", "json"], stream: TextIO | None = None) -> None:
    """Send all events of `level` (debug, info, warning, error) and above to `stream` (standard error)."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_COMMON, structlog.stdlib.PositionalArgumentsFormatter()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(form, stream),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_COMMON,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _renderers(form: Literal["text", "json"], stream: TextIO) -> list[Processor]:
    if form == "json":
        return [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    return [
        structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]


class Repeats:
    """What is wrong with which thing, as the log has it: what comes again and again is told once."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def is_new(self, thing: str, problem: str) -> bool:
        """Whether this is another problem of the thing than the last one, until that is over."""
        before, self._told[thing] = self._told.get(thing), problem
        return before != problem

    def over(self, thing: str) -> None:
        """It is well again."""
        self._told.pop(thing, None)
