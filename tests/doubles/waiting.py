"""Waiting for conditions, so that no test sleeps and hopes."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any


async def eventually(condition: Callable[[], Awaitable[Any] | Any], within_s: float = 10.0) -> Any:
    """The first true result of `condition` (plain or async); AssertionError after `within_s`."""
    deadline = time.monotonic() + within_s
    while True:
        result = condition()
        if inspect.isawaitable(result):
            result = await result
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {within_s} s; last: {result!r}")
        await asyncio.sleep(0.01)
