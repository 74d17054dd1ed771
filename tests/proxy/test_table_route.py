"""Routes of the table on real sockets: where requests go, and what becomes of them on the way."""

from __future__ import annotations

import asyncio

import pytest

from cluster_lb.settings.schema import PoolSettings
from tests.doubles.http_servers import OK, Close, Message, answering
from tests.doubles.waiting import eventually

GET = b"GET /v1/things?page=2 HTTP/1.1\r\nHost: api.example:8080\r\nX-Old: 1\r\nx-old: 2\r\n\r\n"
POST = b"POST /v1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def response(name: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nServer: theirs\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name)


async def test_weights_are_shares_exactly_and_evenly(balancer):
    balancer.route({"pools": {"stable": 3, "canary": 1}})
    await balancer.other_server("stable", answering(response(b"S")))
    await balancer.other_server("canary", answering(response(b"C")))
    client = await balancer.client()
    got = b"".join([(await client.ask(GET)).body for _ in range(16)])
    for begin in range(13):
        assert got[begin : begin + 4].count(b"C") == 1


async def test_a_pool_of_weight_0_gets_nothing(balancer):
    balancer.route({"pools": {"stable": 1, "canary": 0}})
    await balancer.other_server("stable", answering(response(b"S")))
    client = await balancer.client()
    assert [(await client.ask(GET)).status for _ in range(5)] == [200] * 5


async def test_requests_are_counted_for_their_route_by_class_of_status(balancer):
    balancer.route({"path_prefix": "/v1", "pool": "web"}, {"name": "rest", "pool": "web"})
    await balancer.answering(OK, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", OK)
    client = await balancer.client()
    for _ in range(3):
        await client.ask(GET)
    await client.ask(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
    assert balancer.counts("*/v1").statuses == [0, 0, 2, 0, 1, 0]
    assert balancer.counts("rest").statuses == [0, 0, 1, 0, 0, 0]
    before = balancer.counts("rest")
    balancer.route({"name": "rest", "pool": "other"})
    assert balancer.counts("rest") is before


@pytest.mark.parametrize(
    ("route", "target"),
    [
        ({"path_prefix": "/v1", "strip_prefix": "/v1"}, "/things?page=2"),
        ({"path_prefix": "/v1", "replace_prefix": "/new/"}, "/new/things?page=2"),
        ({"path_prefix": "/v1/things", "strip_prefix": "/v1", "replace_prefix": "/v2"}, "/v2/things?page=2"),
        ({"path": "/v1/things", "strip_prefix": "/v1/things"}, "/?page=2"),
        ({"path_regex": "/v[0-9]/.*", "strip_prefix": "/v2"}, "/v1/things?page=2"),
    ],
)
async def test_servers_get_the_path_that_the_route_makes(balancer, route, target):
    seen: list[Message] = []
    await balancer.answering(OK, seen=seen)
    balancer.route({**route, "pool": "web"})
    client = await balancer.client()
    await client.ask(GET)
    await client.ask(GET)
    assert [message.line for message in seen] == [f"GET {target} HTTP/1.1"] * 2
    assert (await balancer.line()).startswith('"GET /v1/things?page=2" 200')


async def test_request_fields_are_set_added_and_removed(balancer):
    seen: list[Message] = []
    await balancer.answering(OK, seen=seen)
    balancer.route(
        {
            "name": "edits",
            "pool": "web",
            "set_host": "inner.example",
            "request_headers": {
                "set": {"X-OLD": "new", "X-Who": "{client} {host} {route}"},
                "add": {"X-More": "{{x}}"},
                "remove": ["Forwarded"],
            },
        }
    )
    client, other = await balancer.client(), await balancer.client()
    await client.ask(GET)
    await client.ask(GET)
    await other.ask(GET.replace(b"api.example", b"b.example"))
    for message in seen:
        assert (message["host"], message["x-old"], message["x-more"]) == ("inner.example", "new", "{x}")
        assert message["forwarded"] is None
        assert message["x-forwarded-for"] == "127.0.0.1"
    assert [message["x-who"] for message in seen] == [
        "127.0.0.1 api.example edits",
        "127.0.0.1 api.example edits",
        "127.0.0.1 b.example edits",
    ]
    assert seen[0]["x-forwarded-host"] == "api.example:8080"


async def test_response_fields_are_set_added_and_removed_and_other_routes_are_not_touched(balancer):
    await balancer.answering(response(b"a"))
    edits = {"set": {"x-served": "{host}"}, "add": {"X-More": "1"}, "remove": ["Server"]}
    plain = {"add": {"X-Plain": "1"}}
    balancer.route(
        {"path_prefix": "/v1", "pool": "web", "response_headers": edits},
        {"path_prefix": "/plain", "pool": "web", "response_headers": plain},
    )
    client = await balancer.client()
    for host in (b"api.example", b"b.example", b"b.example"):
        edited = await client.ask(GET.replace(b"api.example", host))
        assert (edited["x-served"], edited["x-more"], edited["server"]) == (host.decode(), "1", None)
        assert edited.body == b"a"
        for path, more in ((b"/plain", "1"), (b"/other", None)):
            untouched = await client.ask(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)
            assert (untouched["server"], untouched["x-served"], untouched["x-plain"]) == (
                "theirs",
                None,
                more,
            )


async def test_a_response_that_comes_in_pieces_is_edited_too(balancer):
    server = await balancer.server()
    balancer.route({"pool": "web", "response_headers": {"set": {"X-A": "1"}}})
    client = await balancer.client()
    await client.send(GET)
    peer = await server.accepted()
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nX-A: 0\r\nContent-Length: 2\r\n\r\n")
    head = await client.head()
    assert head["x-a"] == "1"
    await peer.send(b"ok")
    assert await client.read(2) == b"ok"


async def test_a_route_has_its_own_timeouts(balancer):
    server = await balancer.server()
    balancer.route(
        {"path_prefix": "/v1", "pool": "web", "timeouts": {"response_s": 5}},
        {"pool": "web", "timeouts": {"request_s": 20}},
    )
    client, other = await balancer.client(), await balancer.client()
    await client.send(GET)
    await (await server.accepted()).request()
    await other.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    peer = await server.accepted()
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    await other.read(1)
    balancer.advance(6)
    assert (await client.response()).status == 504
    balancer.advance(15)
    assert (await other.rest()).endswith(b"\r\n1\r\na\r\n")
    assert await balancer.line(1) == '"GET /" 200 web/s0 attempts=1'


async def test_a_route_has_its_own_attempts(balancer):
    await balancer.server()
    await balancer.server()
    for server in balancer.servers:
        await server.stop_listening()
    balancer.route({"path_prefix": "/v1", "pool": "web", "attempts": 1})
    client = await balancer.client()
    assert (await client.ask(GET)).status == 502
    assert (await balancer.line()).endswith("attempts=1")
    assert (await client.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status == 502
    assert (await balancer.line(1)).endswith("attempts=2")


@pytest.mark.parametrize(
    "responses", [{}, {"response_headers": {"set": {"x-a": "1"}}}], ids=["as they are", "edited"]
)
async def test_a_route_repeats_what_its_own_words_name(balancer, responses):
    await balancer.answering(BUSY)
    await balancer.answering(BUSY, OK)
    balancer.route({"path_prefix": "/v1", "pool": "web", "retries": {"on": ["503"]}, **responses})
    client = await balancer.client()
    assert (await client.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status == 503  # not by the pool's
    assert (await client.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status == 503
    await balancer.kept(0)
    for _ in range(2):  # a head that both servers have answered with before, on the common road
        assert (await client.ask(GET)).status == 200
        assert (await balancer.line(len(balancer.lines()) - 1)).partition(" attempts=")[0].endswith("web/s1")
        balancer.pool.tickets.take()
    assert balancer.pool.retries == 2


async def test_a_route_may_repeat_less_than_its_pool(balancer):
    balancer.pool.configure(PoolSettings.model_validate({"retries": {"on": ["503"]}}))
    await balancer.answering(BUSY)
    await balancer.answering(OK)
    balancer.route({"path_prefix": "/v1", "pool": "web", "retries": {"on": []}})
    client = await balancer.client()
    assert (await client.ask(GET)).status == 503
    balancer.pool.tickets.take()
    assert (await client.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status == 200
    assert balancer.pool.retries == 1


@pytest.mark.parametrize(("allowed", "status"), [(False, 502), (True, 200)])
async def test_a_route_says_whether_a_post_is_repeated(balancer, allowed, status):
    await balancer.answering(Close())
    await balancer.answering(OK)
    balancer.route({"pool": "web", "retries": {"non_idempotent": allowed}})
    assert (await (await balancer.client()).ask(POST)).status == status


async def test_the_budget_for_a_routes_retries_is_the_pools(balancer):
    balancer.pool.configure(PoolSettings.model_validate({"retries": {"budget": 0, "budget_floor_per_s": 0}}))
    await balancer.answering(BUSY)
    await balancer.answering(OK)
    balancer.route({"pool": "web", "retries": {"on": ["503"]}})
    assert (await (await balancer.client()).ask(GET)).status == 503
    assert balancer.pool.budget.denied == 1


async def test_a_routes_time_for_a_try_is_its_own_or_what_a_response_may_take(balancer):
    balancer.pool.configure(PoolSettings.model_validate({"retries": {"try_timeout_s": 2}}))
    balancer.route(
        {"path": "/1", "pool": "web", "retries": {"try_timeout_s": 1}},
        {"path": "/2", "pool": "web", "retries": {}},
        {"path": "/3", "pool": "web", "retries": {}, "timeouts": {"response_s": 5}},
        {"path": "/4", "pool": "web", "retries": {"try_timeout_s": 9}, "timeouts": {"response_s": 5}},
    )
    found = [route.rules_for(balancer.pool) for route in balancer.table.routes]
    assert [rules.try_timeout_s for rules in found] == [1.0, 60.0, 5.0, 5.0]
    assert [rules.response_timeout_s for rules in found] == [60.0, 60.0, 5.0, 5.0]


async def test_settings_of_a_pool_reach_its_routes(balancer):
    balancer.route({"pool": "web", "attempts": 1})
    route = balancer.table.routes[0]
    assert route.rules_for(balancer.pool).response_timeout_s == 60.0
    balancer.pool.configure(PoolSettings.model_validate({"timeouts": {"response_s": 7}}))
    assert (route.rules_for(balancer.pool).response_timeout_s, route.rules_for(balancer.pool).attempts) == (
        7.0,
        1,
    )


async def test_the_time_for_a_try_follows_the_routes_unless_the_pool_has_one(balancer):
    balancer.route({"pool": "web", "timeouts": {"response_s": 90}})
    route = balancer.table.routes[0]
    assert route.rules_for(balancer.pool).try_timeout_s == 90.0
    balancer.pool.configure(PoolSettings.model_validate({"retries": {"try_timeout_s": 2}}))
    assert route.rules_for(balancer.pool).try_timeout_s == 2.0


async def test_a_route_has_its_own_limit_of_bodies(start):
    balancer = await start(max_body_bytes=4)
    await balancer.answering(OK)
    balancer.route(
        {"path_prefix": "/v1", "pool": "web", "max_body_bytes": 5},
        {"path_prefix": "/any", "pool": "web", "max_body_bytes": 0},
    )
    client = await balancer.client()
    assert (await client.ask(POST)).status == 200
    assert (await client.ask(POST.replace(b"/v1", b"/any"))).status == 200
    assert (await (await balancer.client()).ask(POST.replace(b"/v1", b"/"))).status == 413
    # A request that one route allows does not open the common road to one of another.
    for small in (POST, POST.replace(b"/v1", b"/any")):
        both = await balancer.client()
        assert (await both.ask(small)).status == 200
        assert (await both.ask(small.replace(b" /v1", b" /").replace(b" /any", b" /"))).status == 413
    chunked = b"POST /v1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n"
    assert (await client.ask(chunked)).status == 413


@pytest.mark.parametrize("upgrade", [False, True])
async def test_streams_survive_a_change_of_routes(balancer, upgrade):
    server = await balancer.server()
    balancer.route({"path_prefix": "/v1", "pool": "web"})
    client = await balancer.client()
    if upgrade:
        asked = GET[:-2] + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    else:
        asked, answer = GET, b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    await client.send(asked)
    peer = await server.accepted()
    await peer.request()
    await peer.send(answer)
    assert (await client.head()).status in (101, 200)
    balancer.route({"path_prefix": "/v1", "respond": {"status": 410}})
    assert (await (await balancer.client()).ask(GET)).status == 410
    for _ in range(3):
        await peer.send(b"data: 1\n\n")
        assert await client.read(9) == b"data: 1\n\n"
    if upgrade:
        await client.send(b"up")
        assert await peer.read(2) == b"up"
    await peer.close()
    assert await client.rest() == b""
    await client.close()
    await balancer.settled()
    assert balancer.live().load == 0


async def test_requests_sent_ahead_take_their_own_routes(balancer):
    await balancer.answering(response(b"server"))
    balancer.route(
        {"path": "/here", "respond": {"body": "here"}},
        {"path_prefix": "/v1", "pool": "web", "strip_prefix": "/v1"},
    )
    client = await balancer.client()
    here = b"GET /here HTTP/1.1\r\nHost: a\r\n\r\n"
    await client.send(here + GET + here + here + GET)
    assert [(await client.response()).body for _ in range(5)] == [
        b"here",
        b"server",
        b"here",
        b"here",
        b"server",
    ]
    await asyncio.sleep(0)
    await eventually(lambda: balancer.counts("*=/here").statuses[2] == 3)


@pytest.mark.parametrize(
    "action", [{"pool": "web"}, {"respond": {"status": 404}}, {"pool": "web", "mirror": "m"}]
)
async def test_clients_are_told_the_id_of_their_request(start, action):
    balancer = await start(request_id=True)
    seen: list[Message] = []
    await balancer.answering(OK, seen=seen)
    balancer.route({**action, "response_headers": {"set": {"X-Request-Id": "<{request_id}>"}}})
    client = await balancer.client()
    told = [(await client.ask(GET))["x-request-id"] for _ in range(4)]
    assert len(set(told)) == 4
    assert [line.partition("request_id=")[2] for line in balancer.lines()] == [one[1:-1] for one in told]
    if "respond" not in action:
        assert [f"<{message['x-request-id']}>" for message in seen] == told


async def test_where_there_are_no_ids_the_value_is_empty(balancer):
    await balancer.answering(OK)
    balancer.route({"pool": "web", "response_headers": {"set": {"X-Request-Id": "<{request_id}>"}}})
    assert (await (await balancer.client()).ask(GET))["x-request-id"] == "<>"
