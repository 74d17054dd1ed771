"""Signals as a queue, for a program that must finish something before it obeys."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

SignalQueue = asyncio.Queue[signal.Signals]


@contextmanager
def caught(signals: Iterable[signal.Signals]) -> Iterator[SignalQueue]:
    """Within the block `signals` do nothing but come out of the queue. In the main thread only."""
    loop, queue, numbers = asyncio.get_running_loop(), SignalQueue(), tuple(signals)
    for number in numbers:
        loop.add_signal_handler(number, queue.put_nowait, number)
    try:
        yield queue
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def next_within(queue: SignalQueue, seconds: float) -> signal.Signals | None:
    """The next signal, or None when none comes in time."""
    try:
        async with asyncio.timeout(seconds):
            return await queue.get()
    except TimeoutError:
        return None
