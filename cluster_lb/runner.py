"""How the event loop of a process is run: uvloop, limits, garbage collector."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import resource
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

_log = structlog.get_logger("runner")

# The youngest generation is collected after so many allocations: a request leaves no cycles behind, so the
# default of 700 would look at live objects again and again (Instagram's and Close's servers do likewise).
_GC_THRESHOLD = 50_000


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on uvloop where it is installed, with the process set up for many connections."""
    _raise_file_limit()
    gc.set_threshold(_GC_THRESHOLD)
    if importlib.util.find_spec("uvloop") is None:
        _log.warning("uvloop is not installed: plain asyncio costs about twice the CPU")
        asyncio.run(main())
    else:
        import uvloop

        uvloop.run(main())


def _raise_file_limit() -> None:
    """As many file descriptors as the system allows this process (HAProxy does so too)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
