"""Background tasks end together, and what they raise is told."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from cluster_lb.tasks import TaskSet
from tests.doubles.waiting import eventually


async def test_a_task_runs_until_it_is_stopped() -> None:
    tasks = TaskSet()
    task = tasks.start(asyncio.Event().wait(), "waits")
    await asyncio.sleep(0)
    assert len(tasks) == 1
    await tasks.stop()
    assert task.cancelled()
    assert len(tasks) == 0


async def test_a_task_that_ended_is_forgotten() -> None:
    tasks = TaskSet()
    tasks.start(asyncio.sleep(0), "short")
    await eventually(lambda: len(tasks) == 0)
    await tasks.stop()


async def test_a_failure_is_told_with_the_tasks_name_and_the_others_go_on() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    tasks = TaskSet()
    other = tasks.start(asyncio.Event().wait(), "other")
    with capture_logs() as logs:
        tasks.start(fail(), "failing")
        await eventually(lambda: len(tasks) == 1)
    assert [(line["event"], line["task"], str(line["exc_info"])) for line in logs] == [
        ("background task failed", "failing", "broken")
    ]
    assert not other.done()
    await tasks.stop()


async def test_a_task_that_lost_its_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster_lb.tasks._CANCEL_AGAIN_S", 0.01)

    async def lose_the_first() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    tasks = TaskSet()
    task = tasks.start(lose_the_first(), "deaf")
    await asyncio.sleep(0)
    await tasks.stop()
    assert task.cancelled()
