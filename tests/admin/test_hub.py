"""Watchers get every event once, in order, whenever they come."""

from __future__ import annotations

import asyncio

from cluster_lb.admin.hub import EventHub
from cluster_lb.store.bus import Hint

SOON_S = 5.0


def told(events) -> list[tuple[int, int]]:
    return [(event.number, event.hint.epoch) for event in events]


def hub_with(*epochs: int, keep: int = 256) -> EventHub:
    hub = EventHub(keep, wall=lambda: 12.5)
    for epoch in epochs:
        hub.publish(Hint("web", epoch, "register", "s1"))
    return hub


async def test_a_newcomer_gets_what_was_kept():
    hub = hub_with(7, 8, 9, keep=2)
    events = await hub.after(0, SOON_S)
    assert told(events) == [(2, 8), (3, 9)]
    assert events[0].at_ms == 12_500


async def test_a_watcher_waits_for_the_event_after_its_last():
    hub = hub_with(7)
    waiting = asyncio.ensure_future(hub.after(1, SOON_S))
    await asyncio.sleep(0)
    hub.publish(Hint("web", 8, "mark", "s1"))
    assert told(await waiting) == [(2, 8)]


async def test_a_silence_ends_with_nothing():
    assert await hub_with(7).after(1, 0.001) == []


async def test_a_number_of_a_former_life_starts_from_the_beginning():
    assert told(await hub_with(7).after(99, SOON_S)) == [(1, 7)]


async def test_closing_ends_the_wait():
    hub = hub_with()
    waiting = asyncio.ensure_future(hub.after(0, 60))
    await asyncio.sleep(0)
    hub.close()
    assert await waiting == []
    assert await hub.after(0, 60) == []
