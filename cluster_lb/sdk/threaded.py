"""A registration for programs without an event loop (WSGI: Flask, Django, gunicorn): a thread runs one.

Threads do not survive a fork: start it in the process that serves, after the fork (gunicorn: the
`post_fork` hook). The copy that a child inherited is inert until the child starts it itself.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Self, Unpack

from cluster_lb.sdk.options import RegistrationOptions
from cluster_lb.sdk.registration import Registration


@dataclass(frozen=True, slots=True)
class _Background:
    """The thread with its loop, and the process that started it."""

    pid: int
    thread: threading.Thread
    loop: asyncio.AbstractEventLoop
    stopping: asyncio.Event

    def runs(self) -> bool:
        return self.thread.is_alive()  # False in a forked child: Python marks the threads it did not get


class ThreadedRegistration:
    """A `Registration` (same arguments, same errors) with methods that block instead of being awaited.

    Use `start` and `stop`, or a `with` block. It stops by itself when the interpreter exits.
    """

    def __init__(self, pool: str, address: str, **options: Unpack[RegistrationOptions]) -> None:
        self._make = partial(Registration, pool, address, **options)
        self._registration = self._make()
        self._background: _Background | None = None

    @property
    def registered(self) -> bool:
        """Whether the last heartbeat was accepted."""
        return self._running() is not None and self._registration.registered

    @property
    def in_flight(self) -> int:
        """Requests that the program works on; it keeps the number, under a lock where threads share it."""
        return self._registration.in_flight

    @in_flight.setter
    def in_flight(self, value: int) -> None:
        self._registration.in_flight = value

    def start(self) -> None:
        """Register, and keep registered from a daemon thread. Returns after the first attempt.

        Raises InvalidValueError when the pool refuses the address.
        """
        if self._running() is not None:
            return
        if self._background is not None and self._background.pid != os.getpid():
            self._registration = self._make()  # the parent's is bound to its loop and its connections
        started: Future[_Background] = Future()
        name = f"cluster-lb {self._registration.id}"
        threading.Thread(target=self._run, args=(started,), name=name, daemon=True).start()
        self._background = started.result()
        atexit.register(self.stop)

    def update(
        self, *, weight: int | None = None, zone: str | None = None, priority: int | None = None
    ) -> None:
        """Change what the server says of itself; sent at once. An operator's weight stays in force."""
        self._in_loop(lambda: self._registration.update(weight=weight, zone=zone, priority=priority))

    def report_state(self, state: str, reason: str = "") -> None:
        """Say how the server is: see `Registration.report_state`."""
        self._in_loop(lambda: self._registration.report_state(state, reason))

    def stop(self) -> None:
        """Leave, go on for `drain_s`, and end the thread. Does nothing where it does not run."""
        atexit.unregister(self.stop)
        if (background := self._running()) is not None:
            background.loop.call_soon_threadsafe(background.stopping.set)
            background.thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _in_loop(self, change: Callable[[], None]) -> None:
        """Make a change of the registration where its loop runs; its errors are raised here."""

        async def apply() -> None:
            change()

        if (background := self._running()) is None:
            change()
        else:
            asyncio.run_coroutine_threadsafe(apply(), background.loop).result()

    def _running(self) -> _Background | None:
        background = self._background
        return background if background is not None and background.runs() else None

    def _run(self, started: Future[_Background]) -> None:
        asyncio.run(self._hold(started))

    async def _hold(self, started: Future[_Background]) -> None:
        stopping = asyncio.Event()
        try:
            await self._registration.start()
        except Exception as error:
            started.set_exception(error)  # `start` waits for it, and raises it in the caller's thread
            return
        loop = asyncio.get_running_loop()
        started.set_result(_Background(os.getpid(), threading.current_thread(), loop, stopping))
        await stopping.wait()
        await self._registration.drain()
