"""Many clients on many features at once, under changes of settings: afterwards nothing is left over."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from cluster_lb.model.advice import Advice
from cluster_lb.model.availability import AdminState
from cluster_lb.model.locality import Locality
from cluster_lb.model.rate_limit import Denial, Quota
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import POLICIES, compile_policy
from cluster_lb.picking.tokens import make_tokens
from cluster_lb.proxy.exchange import Exchange
from cluster_lb.proxy.rate_limits import limits_of
from cluster_lb.proxy.route_table import build_table
from cluster_lb.proxy.router import Router
from cluster_lb.proxy.server import LiveServer
from cluster_lb.proxy.sticky import Sticky
from cluster_lb.proxy.tracing import Tracer
from cluster_lb.settings.logging import AccessLogForm
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.settings.sticky import StickySettings
from tests.doubles.http_servers import OK, Close, answering, within
from tests.doubles.waiting import eventually
from tests.proxy.test_sticky import SECRET, token

CLIENTS = 24
REQUESTS = 15
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
ROUTES = (
    {"name": "plain", "path_prefix": "/plain", "pool": "web"},
    {"name": "tried", "path_prefix": "/tried", "pool": "web", "attempts": 2, "timeouts": {"request_s": 9}},
    {"name": "split", "path_prefix": "/split", "pools": {"web": 2, "gone": 1}},
    {
        "name": "edited",
        "path_prefix": "/edited",
        "pool": "web",
        "strip_prefix": "/edited",
        "request_headers": {"set": {"X-Client": "{client}"}},
        "response_headers": {"set": {"X-Host": "{host}"}},
        "mirror": "shadow",
        "max_body_bytes": 100_000,
    },
    {"name": "moved", "path_prefix": "/moved", "redirect": {"location": "https://{host}{uri}"}},
    {
        "name": "scarce",
        "path_prefix": "/scarce",
        "pool": "web",
        "rate_limits": [{"name": "scarce", "requests": 9, "headers": True}],
    },
)
LINES = (
    b"",
    b"Connection: close\r\n",
    b"X-Request-Id: a\r\n",
    b"Expect: 100-continue\r\n",
    b"X-Other: b\r\n",
    *(b"Cookie: SERVERID-web=%b\r\n" % token(f"s{number}").encode() for number in range(3)),
)


class EveryThird:
    """Keys of a limit that let two of three requests pass."""

    def __init__(self) -> None:
        self.asked = 0

    def take(self, key: str) -> Denial | None:
        self.asked += 1
        return Denial(1.0) if self.asked % 3 == 0 else None

    def quota(self, key: str) -> Quota:
        return Quota(remaining=7, full_in_s=12.3)


def message(random: Random) -> tuple[str, bytes, bytes]:
    """Method, head and body of a request."""
    path = random.choice([*(str(route["path_prefix"]) for route in ROUTES), "/other"])
    method = random.choice(["GET", "GET", "GET", "HEAD", "POST", "PUT"])
    line = random.choice(LINES)
    body = framing = b""
    if method in ("POST", "PUT"):
        size = random.choice([0, 5, 5, 3000, 70_000, 150_000])
        body = b"x" * size
        if random.random() < 0.3:
            framing = b"Transfer-Encoding: chunked\r\n"
            body = b"3e8\r\n%b\r\n" % (b"x" * 1000) * (size // 1000) + b"0\r\n\r\n"
        else:
            framing = b"Content-Length: %d\r\n" % size
    elif line.startswith(b"Expect"):
        line = b""
    head = b"%b %b/%d HTTP/1.1\r\nHost: a\r\n%b%b\r\n"
    return method, head % (method.encode(), path.encode(), random.randrange(3), line, framing), body


async def final_response(client, method: str):
    while (response := await client.response(method)).status < 200:
        pass
    return response


async def exchange(client, random: Random) -> bool:
    """One request, or two at once; whether the connection goes on."""
    method, head, body = message(random)
    ahead = random.random() < 0.15
    cut = random.random() < 0.06
    more = message(random) if ahead else ("", b"", b"")
    sent = head + body + more[1] + more[2]
    if cut:
        await client.send(sent[: random.randrange(1, len(sent))])
        client.reset()
        return False
    await client.send(*([head, body] if random.random() < 0.3 and body and not ahead else [sent]))
    for asked in [method, more[0]] if ahead else [method]:
        response = await final_response(client, asked)
        if response["connection"] == "close":
            return False
    return True


async def use(balancer, random: Random) -> None:
    client = await balancer.client()
    for _ in range(REQUESTS):
        try:
            goes_on = await exchange(client, random)
        except (asyncio.IncompleteReadError, ConnectionError):
            goes_on = False
        if not goes_on:
            await client.drop()
            client = await balancer.client()
    await client.close()


async def unsteady(random: Random, peer) -> None:
    script = [OK, CHUNKED, BUSY, OK, (OK, Close()), Close(), OK, Close(reset=True), (OK[:20], Close()), BUSY]
    random.shuffle(script)
    await answering(*script)(peer)


def table(balancer, keys: EveryThird, routes) -> None:
    settings = [RouteSettings.model_validate(route) for route in routes]
    balancer.table = build_table(
        settings,
        balancer.pools,
        balancer.nowhere,
        balancer.shadows,
        balancer.table,
        [limits_of(route, ensure=lambda limit: keys) for route in settings],
    )
    balancer.listener.route_by(Router(balancer.pool, balancer.table))


POOLS = (
    {},
    {"limits": {"pool_requests": 4, "queue": 8, "queue_timeout_s": 5.0}},
    {"limits": {"server_requests": 2}, "retries": {"on": ["503", "empty-response"], "non_idempotent": True}},
    {"limits": {"server_connections": 3}, "max_idle_connections": 2},
    {"outliers": {}, "hash_key": "{client_ip} {path}"},
    {"retries": {"on": ["503", "conn-failure", "empty-response", "junk-response"], "budget": 1}},
)


STATES = (
    {},
    {},
    {"weight": 3},
    {"priority": 1},
    {"admin_state": AdminState.DRAIN},
    {"admin_state": AdminState.MAINT},
    {"zone": "b"},
    {"advice": Advice(maxconn=2)},
)
LOCALITY = Locality("a", {"a": 2, "b": 1})


def adopt(balancer, random: Random) -> None:
    """Any policy over some of the servers, in any states, with others' loads."""
    pool = balancer.pool
    addresses = [server.address for server in balancer.servers]
    servers = tuple(
        Server(f"s{number}", address, **random.choice(STATES))
        for number, address in enumerate(random.sample(addresses, random.choice([2, 3, 3])))
    )
    snapshot = Snapshot(
        "web",
        pool.epoch + 1,
        random.choice(sorted(POLICIES)),
        0.5,
        servers,
        zones_from=random.choice([0, 2]),
        sticky_secrets=random.choice([(), (SECRET,), ("another", SECRET)]),
        balance_factor=random.choice([0.0, 1.25]),
    )
    pool.adopt(snapshot, compile_policy(snapshot, LOCALITY))
    if snapshot.sticky_secrets:
        pool.stick(Sticky(pool, StickySettings(), make_tokens(snapshot)))
    pool.hear_loads(3, {server.id: random.randrange(9) for server in servers})
    pool.hear_latencies({server.id: random.randrange(9000) for server in servers})


async def change(balancer, random: Random, keys: EveryThird) -> None:
    """Change what is under way, for ever."""
    while True:
        await asyncio.sleep(0.02)
        balancer.pool.configure(PoolSettings.model_validate(random.choice(POOLS)))
        adopt(balancer, random)
        table(balancer, keys, random.sample(ROUTES, len(ROUTES) - random.randrange(3)))
        balancer.clock.now = time.monotonic()
        balancer.ticker.tick()


REFUSAL = {
    AccessLogForm.TEXT: " reason=",
    AccessLogForm.JSON: '"reason":',
    AccessLogForm.COMBINED: '] "-" ',
}


@contextmanager
def cycles() -> Iterator[Counter[str]]:
    """What of this project was left to the garbage collector meanwhile, by type, is there at the end. What
    the test before left behind may become garbage only now."""
    found: Counter[str] = Counter()
    gc.collect()
    before = {id(thing) for thing in gc.get_objects()}
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        types = [type(thing) for thing in gc.garbage if id(thing) not in before]
        found.update(one.__name__ for one in types if one.__module__.startswith("cluster_lb."))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


@pytest.mark.parametrize(
    ("marked", "form", "seed"),
    [
        (False, AccessLogForm.TEXT, 1),
        (True, AccessLogForm.TEXT, 2),
        (True, AccessLogForm.JSON, 1),
        (True, AccessLogForm.COMBINED, 2),
    ],
)
async def test_nothing_is_left_over(start, events, marked, form, seed):
    gone_wrong = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: gone_wrong.append(context))
    random, spans = Random(seed), []
    marks = {"tracer": Tracer(spans.append, 1.0, random), "request_id": True} if marked else {}
    balancer = await start(**marks, log_form=form)
    for _ in range(3):
        await balancer.server(lambda peer: unsteady(random, peer))
    balancer.route({"pools": {"web": 1, "gone": 1}, "mirror": "shadow"})
    await balancer.other_server("shadow", lambda peer: unsteady(random, peer))
    keys = EveryThird()
    table(balancer, keys, ROUTES)
    with cycles() as left_to_collect:
        changing = asyncio.ensure_future(change(balancer, random, keys))
        await within(60, asyncio.gather(*(use(balancer, random) for _ in range(CLIENTS))))
        changing.cancel()
        await eventually(lambda: not balancer.listener.clients)
        await eventually(lambda: not (balancer.shadows.in_flight or len(balancer.tasks)))
    lines = [line for line in balancer.logged() if REFUSAL[form] not in line]
    gc.collect()
    things = gc.get_objects()
    assert [thing for thing in things if isinstance(thing, LiveServer) and thing.load] == []
    assert [
        limits
        for limits in (pool.limits for pool in balancer.pools.values())
        if limits and (limits.in_flight or limits.waiting)
    ] == []
    assert [thing for thing in things if isinstance(thing, Exchange)] == []
    assert [event for event in events if event["log_level"] in ("error", "critical")] == []
    assert gone_wrong == []
    assert left_to_collect == {}
    assert len(lines) > CLIENTS * REQUESTS / 2
    if marked:
        assert len(spans) == len(lines)
        assert all(len(span.attempts) >= 1 for span in spans if span.status == 200 and span.pool != "-")
