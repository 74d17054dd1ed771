"""What is offered: the newest of each key is adopted, also while another is being adopted."""

from __future__ import annotations

import asyncio

from cluster_lb.proxy.offers import Offers
from tests.doubles.waiting import eventually


async def test_of_each_key_the_newest_is_adopted_once():
    adopted: list[str] = []

    async def adopt(offer: str) -> None:
        adopted.append(offer)

    offers = Offers(adopt)
    await offers.adopt_all()
    assert adopted == []
    for key, offer in (("a", "a1"), ("b", "b1"), ("a", "a2")):
        offers.put(key, offer)
    await offers.adopt_all()
    await offers.adopt_all()
    assert sorted(adopted) == ["a2", "b1"]


async def test_what_is_offered_while_it_runs_is_adopted():
    adopted: list[int] = []
    begun, ready = asyncio.Event(), asyncio.Event()

    async def adopt(offer: int) -> None:
        begun.set()
        await ready.wait()
        adopted.append(offer)

    offers = Offers(adopt)
    running = asyncio.ensure_future(offers.run())
    try:
        offers.put("a", 1)
        await begun.wait()
        offers.put("a", 2)
        offers.put("a", 3)
        ready.set()
        await eventually(lambda: adopted == [1, 3])
        offers.put("a", 4)
        await eventually(lambda: adopted == [1, 3, 4])
    finally:
        running.cancel()
