"""How the event loop of a process is run: uvloop, limits, garbage collector, free memory."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import resource
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from cluster_lb.memory import give_back

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
        asyncio.run(_with_memory_given_back(main))
    else:
        import uvloop

        uvloop.run(_with_memory_given_back(main))


async def _with_memory_given_back(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    giving = asyncio.create_task(give_back(), name="give memory back")
    try:
        await main()
    finally:
        giving.cancel()


def _raise_file_limit() -> None:
    """As many file descriptors as the system allows this process (HAProxy does so too)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
