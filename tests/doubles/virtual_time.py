"""An event loop whose time passes at once: where everyone waits, its clock goes on to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(timeout if timeout is None else 0)
        if not ready and timeout:
            self._loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`now`: seconds, for all that asks the loop for its time."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now


class VirtualClock:
    """The time of the running `VirtualLoop`; `wall_offset`: how far this machine's wall clock is off."""

    def __init__(self, wall_offset: float = 0.0) -> None:
        self.wall_offset = wall_offset

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return asyncio.get_running_loop().time() + self.wall_offset


def run_virtually(scene: Coroutine[Any, Any, Any]) -> Any:
    """The result of `scene`, in no time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scene)
