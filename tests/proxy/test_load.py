"""Many clients at once, with all that goes wrong: afterwards nothing is left over."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path
from random import Random

from cluster_lb.proxy.exchange import Exchange
from tests.doubles.http_servers import OK, Close, answering
from tests.doubles.waiting import eventually

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"


def open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0


async def unsteady(random: Random, peer) -> None:
    """Answers, but closes and resets now and then."""
    script = [OK, CHUNKED, OK, OK, (OK, Close()), OK, Close(), CHUNKED, Close(reset=True), (OK[:20], Close())]
    random.shuffle(script)
    await answering(*script)(peer)


async def use(balancer, random: Random, requests: int) -> list[int]:
    """One client's requests; it leaves in the middle now and then. Returns the statuses that it saw."""
    statuses = []
    client = await balancer.client()
    for number in range(requests):
        await client.send((POST if random.random() < 0.2 else GET) % number)
        if random.random() < 0.05:
            client.reset()
            client = await balancer.client()
            continue
        try:
            statuses.append((await client.response()).status)
        except (asyncio.IncompleteReadError, ConnectionError):
            client = await balancer.client()
    await client.close()
    return statuses


async def test_nothing_is_left_over(balancer):
    files, tasks = open_files(), len(asyncio.all_tasks())
    random = Random(7)
    for _ in range(3):
        await balancer.server(lambda peer: unsteady(random, peer))
    statuses = await asyncio.gather(*(use(balancer, random, 30) for _ in range(30)))
    await eventually(lambda: not balancer.listener.clients)
    live = list(balancer.pool.servers.values())
    assert sum(map(len, statuses)) > 500
    assert sum(s.count(200) for s in statuses) > 500
    assert [server.load for server in live] == [0, 0, 0]
    assert len(balancer.tasks) == 0
    assert sum(sum(server.statuses) for server in live) + sum(balancer.pool.statuses) == 900
    assert len(balancer.lines()) == 900
    for server in live:
        server.close_idle()
    await eventually(lambda: not any(server.connections for server in live))
    for server in balancer.servers:
        await server.__aexit__(None, None, None)
    await eventually(lambda: open_files() <= files + len(balancer.servers))
    await eventually(lambda: len(asyncio.all_tasks()) == tasks)
    gc.collect()
    assert [thing for thing in gc.get_objects() if isinstance(thing, Exchange)] == []


async def test_exchanges_do_not_wait_for_the_garbage_collector(balancer):
    await balancer.answering(OK)
    gc.collect()
    gc.disable()
    try:
        client = await balancer.client()
        for number in range(200):
            await client.ask(GET % number)
        await balancer.settled()
        alive = [thing for thing in gc.get_objects() if isinstance(thing, Exchange)]
    finally:
        gc.enable()
    assert len(alive) <= 2
