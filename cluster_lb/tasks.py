"""Background tasks that cannot be lost or fail in silence (the only place that calls `create_task`)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

_log = structlog.get_logger("tasks")

_CANCEL_AGAIN_S = 2.0  # longer than any clean-up of a task: closing a connection to Redis takes 0.5 s at most


class TaskSet:
    """Owns background tasks: keeps them alive, logs what they raise, ends them together.

    A task that dies of an exception is a defect: it is logged with its traceback and named, and the
    rest go on.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `coroutine` in the background."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("background task failed", task=task.get_name(), exc_info=error)

    async def stop(self) -> None:
        """Cancel all that still run and wait until they have ended. One that lost its cancellation is
        cancelled again: before Python 3.12 `asyncio.wait_for`, which redis-py uses, may lose it
        (python/cpython#86296)."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=_CANCEL_AGAIN_S)
