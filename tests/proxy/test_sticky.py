"""A client with a cookie of ours stays with its server as long as that takes it, and gets another then."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.clock import SystemClock
from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState, Health
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.model.verdict import Verdict
from cluster_lb.picking import compile_policy
from cluster_lb.picking.tokens import make_tokens
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.sticky import Sticky
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.settings.schema import PoolSettings
from tests.doubles.http_servers import Close, Message
from tests.doubles.waiting import eventually
from tests.proxy.conftest import CountedTickets

SECRET, FORMER = "the secret that signs", "the secret that signed before"
NAME = "SERVERID-web"
DOWN = {"verdict": Verdict(Health.DOWN, "L4CON refused", ("n1",), 1, 0)}
DRAIN, MAINT = {"admin_state": AdminState.DRAIN}, {"admin_state": AdminState.MAINT}


def get(*cookies: str, method: str = "GET", lines: str = "") -> bytes:
    head = "".join(f"Cookie: {cookie}\r\n" for cookie in cookies)
    return f"{method} / HTTP/1.1\r\nHost: a\r\n{head}{lines}\r\n".encode("latin-1")


def named(server_id: str) -> bytes:
    """A response of that server."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + server_id.encode()


def token(server_id: str, secret: str = SECRET) -> str:
    servers = (Server(server_id, Address("127.0.0.1", 9001)),)
    (tokens,) = make_tokens(Snapshot("web", 1, "round_robin", 0.0, servers, sticky_secrets=(secret,)))
    return next(iter(tokens)).decode()


def cookie(server_id: str, secret: str = SECRET) -> str:
    return f"{NAME}={token(server_id, secret)}"


def set_by(response: Message) -> str | None:
    """The server that a response binds its client to."""
    bound = response["set-cookie"]
    if bound is None:
        return None
    value = re.match(rf"{NAME}=([^;]*)", bound)[1]
    return next(f"s{number}" for number in range(10) if token(f"s{number}") == value)


def bind(
    pool: LivePool,
    addresses: list[Address],
    states: Mapping[str, dict[str, object]] | None = None,
    *,
    secrets: tuple[str, ...] = (SECRET,),
    **settings: object,
) -> None:
    """The pool is a sticky one from now on."""
    servers = tuple(
        Server(f"s{number}", address, **(states or {}).get(f"s{number}", {}))
        for number, address in enumerate(addresses)
    )
    snapshot = Snapshot("web", pool.epoch + 1, "round_robin", 0.0, servers, sticky_secrets=secrets)
    pool.adopt(snapshot, compile_policy(snapshot))
    sticky = PoolSettings.model_validate({"sticky": settings}).sticky
    pool.stick(Sticky(pool, sticky, make_tokens(snapshot)))


class Sessions:
    """A balancer over s0, s1, ... that answer with their names."""

    def __init__(self, balancer) -> None:
        self.balancer = balancer

    def bind(self, states: Mapping[str, dict[str, object]] | None = None, **settings: object) -> None:
        bind(self.balancer.pool, [s.address for s in self.balancer.servers], states, **settings)

    async def ask(self, request: bytes, method: str = "GET") -> Message:
        return await (await self.balancer.client()).ask(request, method)


@pytest.fixture
async def sessions(start) -> Sessions:
    balancer = await start()
    for number in range(3):
        await balancer.answering(named(f"s{number}"))
    made = Sessions(balancer)
    made.bind()
    return made


# --- what a client gets, and what it means


async def test_a_first_response_binds_the_client_to_the_server_that_gave_it(sessions):
    for server_id in ("s0", "s1", "s2", "s0"):
        response = await sessions.ask(get())
        assert (response.body.decode(), set_by(response)) == (server_id, server_id)
        assert response["set-cookie"] == f"{cookie(server_id)}; Path=/; HttpOnly; SameSite=Lax"
        assert response["cache-control"] == "private"
    pool = sessions.balancer.pool
    assert (pool.bonds_kept, pool.bonds_made) == (0, 4)


async def test_a_bound_client_stays_and_is_told_nothing_new(sessions):
    for server_id in ("s1", "s1", "s0", "s2", "s1"):
        response = await sessions.ask(get(cookie(server_id)))
        assert response.body.decode() == server_id
        assert (response["set-cookie"], response["cache-control"]) == (None, None)
    pool = sessions.balancer.pool
    assert (pool.bonds_kept, pool.bonds_made) == (5, 0)


async def test_a_bound_client_takes_no_ticket(sessions):
    for _ in range(5):
        await sessions.ask(get(cookie("s2")))
    assert sessions.balancer.pool.tickets.take() == 0


async def test_one_connection_may_come_without_and_go_on_with_its_cookie(sessions):
    client = await sessions.balancer.client()
    await client.ask(get())
    response = await client.ask(get())
    bound = response["set-cookie"].partition(";")[0]
    for _ in range(4):
        again = await client.ask(get(bound))
        assert (again.body, again["set-cookie"]) == (response.body, None)


async def test_all_that_is_set_is_said(sessions):
    sessions.bind(
        cookie="node",
        path="/app",
        domain="example.com",
        lifetime_s=3600,
        secure=True,
        http_only=False,
        same_site="none",
    )
    response = await sessions.ask(get())
    assert response["set-cookie"] == (
        f"node={token('s0')}; Path=/app; Domain=example.com; Max-Age=3600; Secure; SameSite=None"
    )


async def test_servers_get_the_cookie_and_their_own_cookies_stay(sessions):
    seen: list[Message] = []
    own = b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=1\r\nContent-Length: 2\r\nSet-Cookie: b=2\r\n\r\nok"
    await sessions.balancer.answering(own, seen=seen)
    sessions.bind(dict.fromkeys(("s0", "s1", "s2"), DOWN))
    response = await sessions.ask(get("sid=1; " + cookie("s0")))
    values = [value.partition(";")[0] for name, value in response.headers if name == "set-cookie"]
    assert values == ["sid=1", "b=2", cookie("s3")]
    assert seen[0]["cookie"] == "sid=1; " + cookie("s0")


@pytest.mark.parametrize(
    ("step", "request_", "method"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", get(), "GET"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", get(), "GET"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", get(method="HEAD"), "HEAD"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", get(), "GET"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", get(), "GET"),
        (named("ok"), get(lines="Connection: close\r\n"), "GET"),
        (named("ok"), get(method="POST", lines="Content-Length: 0\r\n"), "POST"),
        (named("ok"), b"GET / HTTP/1.0\r\n\r\n", "GET"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + named("ok"), get(), "GET"),
    ],
)
async def test_a_response_of_any_kind_binds(start, step, request_, method):
    balancer = await start()
    closes = (step, Close()) if b"until the end" in step else (step,)
    await balancer.answering(closes)
    sessions = Sessions(balancer)
    sessions.bind()
    client = await balancer.client()
    response = await client.ask(request_, method)
    if response.status == 103:
        assert set_by(response) is None
        response = await client.response()
    assert set_by(response) == "s0"


async def test_a_switch_of_protocols_binds(start):
    balancer = await start()
    await balancer.answering((b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", Close()))
    Sessions(balancer).bind()
    upgrade = "Connection: upgrade\r\nUpgrade: x\r\n"
    for request_, bound in [(get(lines=upgrade), "s0"), (get(cookie("s0"), lines=upgrade), None)]:
        response = await (await balancer.client()).ask(request_)
        assert (response.status, set_by(response)) == (101, bound)


async def test_routes_marks_and_edits_leave_it_as_it_is(start):
    balancer = await start(request_id=True, debug_headers=True)
    balancer.route(
        {
            "path_prefix": "/",
            "pool": "web",
            "response_headers": {"set": {"X-R": "{route}"}, "remove": ["Set-Cookie"]},
        }
    )
    for number in range(2):
        await balancer.answering(named(f"s{number}"))
    sessions = Sessions(balancer)
    sessions.bind()
    first = await sessions.ask(get())
    assert (set_by(first), first["x-served-by"], first["x-r"]) == ("s0", "s0", "*/")
    for _ in range(3):
        response = await sessions.ask(get(cookie("s1")))
        assert (response.body, set_by(response)) == (b"s1", None)


async def test_our_own_answers_bind_to_nobody(start):
    balancer = await start()
    Sessions(balancer).bind()
    response = await (await balancer.client()).ask(get(cookie("s0")))
    assert (response.status, response["set-cookie"]) == (503, None)


# --- which server a cookie leads to


@pytest.mark.parametrize("state", [DRAIN, {"effective_weight": 0}])
async def test_a_server_that_drains_keeps_its_clients_and_gets_no_others(sessions, state):
    sessions.bind({"s1": state})
    for _ in range(4):
        response = await sessions.ask(get(cookie("s1")))
        assert (response.body, set_by(response)) == (b"s1", None)
        assert (await sessions.ask(get())).body != b"s1"


@pytest.mark.parametrize("state", [MAINT, DOWN, DOWN | DRAIN])
async def test_a_client_moves_when_its_server_takes_nobody(sessions, state):
    sessions.bind({"s1": state})
    response = await sessions.ask(get(cookie("s1")))
    assert response.body != b"s1"
    assert set_by(response) == response.body.decode()


async def test_a_client_moves_when_its_server_left(sessions):
    sessions.balancer.servers.pop()
    sessions.bind()
    response = await sessions.ask(get(cookie("s2")))
    assert set_by(response) == response.body.decode() == "s0"


async def test_a_client_moves_when_this_node_cannot_reach_its_server(sessions):
    sessions.balancer.live(2).out = True
    response = await sessions.ask(get(cookie("s2")))
    assert set_by(response) == response.body.decode() == "s0"


async def test_a_client_stays_with_a_server_that_is_out_but_lingers_for_its_own(sessions):
    server = sessions.balancer.live(2)
    server.out = server.lingers = True
    assert (await sessions.ask(get(cookie("s2")))).body == b"s2"


async def test_a_client_moves_when_its_server_fails_under_its_request(sessions):
    await sessions.balancer.servers[2].stop_listening()
    picked = set()
    for _ in range(20):
        response = await sessions.ask(get(cookie("s2")))
        picked.add(response.body.decode())
        assert set_by(response) == response.body.decode()
    assert picked == {"s0", "s1"}  # not all of them to one
    assert sessions.balancer.unreachable[0][:2] == ("web", "s2")


async def answers_once(peer):
    """s1, which closes its connection when the second request comes on it."""
    await peer.request()
    await peer.send(named("s1"))
    await peer.request()
    await peer.close()


async def test_a_client_stays_when_its_server_had_closed_a_kept_connection(start):
    balancer = await start()
    await balancer.answering(named("s0"))
    await balancer.server(answers_once)
    sessions = Sessions(balancer)
    sessions.bind()
    for attempts in (1, 3, 5):
        response = await sessions.ask(get(cookie("s1")))
        assert (response.body, set_by(response)) == (b"s1", None)
        await balancer.kept(1)
        assert (balancer.live(1).attempts, balancer.live(1).failures) == (attempts, 0)


async def test_a_client_moves_when_its_server_closed_a_kept_connection_and_takes_no_other(start):
    balancer = await start()
    await balancer.answering(named("s0"))
    server = await balancer.server(answers_once)
    sessions = Sessions(balancer)
    sessions.bind()
    assert (await sessions.ask(get(cookie("s1")))).body == b"s1"
    await balancer.kept(1)
    await server.stop_listening()
    response = await sessions.ask(get(cookie("s1")))
    assert set_by(response) == response.body.decode() == "s0"
    assert (balancer.live(1).attempts, balancer.live(1).failures) == (3, 1)
    assert balancer.unreachable[0][:2] == ("web", "s1")


async def test_a_client_of_a_backup_stays_with_it_when_primaries_serve(sessions):
    sessions.bind({"s1": {"priority": 1}})
    for _ in range(3):
        response = await sessions.ask(get(cookie("s1")))
        assert (response.body, set_by(response)) == (b"s1", None)
        assert (await sessions.ask(get())).body != b"s1"


async def test_a_client_that_moved_under_a_known_response_head_is_told(start):
    balancer = await start()
    for server_id in ("s0", "s1"):
        await balancer.answering(named(server_id))
    sessions = Sessions(balancer)
    sessions.bind()
    for number in (0, 1):
        await sessions.ask(get(cookie(f"s{number}")))
        await balancer.kept(number)
    (peer,) = balancer.servers[1].peers
    await balancer.servers[1].stop_listening()
    balancer.pool.budget.floor_per_s = 100.0
    await peer.close()
    await balancer.kept(1, 0)
    response = await sessions.ask(get(cookie("s1")))
    assert (response.body, set_by(response)) == (b"s0", "s0")


async def test_a_full_server_sends_its_clients_on(start):
    balancer = await start(pool={"limits": {"server_requests": 1}})
    busy = await balancer.server()
    await balancer.answering(named("s1"))
    sessions = Sessions(balancer)
    sessions.bind()
    waiting = await balancer.client()
    await waiting.send(get(cookie("s0")))
    peer = await busy.accepted()
    await peer.request()
    response = await sessions.ask(get(cookie("s0")))
    assert set_by(response) == response.body.decode() == "s1"
    await peer.send(named("s0"))
    assert (await waiting.response())["set-cookie"] is None
    assert balancer.pool.limits.in_flight == 0


async def test_a_bound_client_waits_for_room_in_the_pool_as_all_do(start):
    balancer = await start(pool={"limits": {"pool_requests": 1}})
    busy = await balancer.server()
    sessions = Sessions(balancer)
    sessions.bind()
    first, second = await balancer.client(), await balancer.client()
    await first.send(get(cookie("s0")))
    peer = await busy.accepted()
    await peer.request()
    await second.send(get(cookie("s0")))
    await eventually(lambda: len(balancer.pool.limits.waiting) == 1)
    await peer.send(named("s0"))
    assert (await first.response()).status == 200
    await peer.request()
    await peer.send(named("s0"))
    assert (await second.response()).status == 200
    assert balancer.pool.limits.in_flight == 0


async def test_a_bound_client_that_waited_for_room_in_the_pool_stays_with_its_server(start):
    balancer = await start(pool={"limits": {"pool_requests": 1}})
    busy = await balancer.server()
    for server_id in ("s1", "s2"):
        await balancer.answering(named(server_id))
    sessions = Sessions(balancer)
    sessions.bind()
    balancer.pool.tickets.take()  # so that the turn is of none of the two servers
    first, second = await balancer.client(), await balancer.client()
    await first.send(get(cookie("s0")))
    peer = await busy.accepted()
    await peer.request()
    await second.send(get(cookie("s2")))
    await eventually(lambda: len(balancer.pool.limits.waiting) == 1)
    await peer.send(named("s0"))
    assert (await first.response()).status == 200
    response = await second.response()
    assert (response.body, set_by(response)) == (b"s2", None)
    assert balancer.pool.limits.in_flight == 0


async def test_bonds_end_with_the_servers_that_they_were_made_for(sessions):
    """Who waits may be let in by a new snapshot, before its bonds are there."""
    sessions.balancer.adopt(*(server.address for server in sessions.balancer.servers))
    assert sessions.balancer.pool.sticky is None


async def test_what_the_former_secret_signed_is_taken_and_signed_anew(sessions):
    sessions.bind(secrets=(SECRET, FORMER))
    for _ in range(2):
        response = await sessions.ask(get(cookie("s1", FORMER)))
        assert (response.body, set_by(response)) == (b"s1", "s1")
    sessions.bind()
    response = await sessions.ask(get(cookie("s1", FORMER)))
    assert set_by(response) == response.body.decode() == "s0"


async def test_a_pool_that_is_not_sticky_any_more_takes_turns(sessions):
    sessions.balancer.pool.stick(None)
    responses = [await sessions.ask(get(cookie("s2"))) for _ in range(3)]
    assert [response.body for response in responses] == [b"s0", b"s1", b"s2"]
    assert [response["set-cookie"] for response in responses] == [None, None, None]


S1 = token("s1")


@pytest.mark.parametrize(
    ("cookies", "found"),
    [
        ((f"{NAME}={S1}",), True),
        ((f'{NAME}="{S1}"',), True),
        ((f"a=1; {NAME}={S1}; b=2",), True),
        ((f"a=1;{NAME}={S1};b=2",), True),
        ((f"a=1;\t {NAME}={S1} ;",), True),
        (("a=1", f"{NAME}={S1}", "b=2"), True),  # several lines, as HTTP/2 makes them
        ((f"{NAME}=x; {NAME}={S1}",), True),  # of two paths: the one that names a server
        ((f"{NAME}={token('s1', FORMER)}; {NAME}={S1}",), True),
        ((f"{NAME}={S1}; {NAME}={token('s0')}",), True),  # the first of two
        ((f"{NAME}={token('s0')}; {NAME}={S1}",), False),
        ((f"a=\xff\xfe; {NAME}={S1}",), True),
        ((f"{NAME} ={S1}",), False),
        ((f"{NAME}= {S1}",), False),
        ((f'{NAME}="{S1}',), False),
        ((f'{NAME}={S1}"',), False),
        ((f"{NAME}={S1}=",), False),
        ((f"{NAME}={S1}A",), False),
        ((f"{NAME}={S1[:-1]}",), False),
        ((f"{NAME}={S1[:-1]}%",), False),
        ((f"{NAME}=s1",), False),
        ((f"{NAME}=127.0.0.1:9001",), False),
        ((f"{NAME}={token('s1', FORMER)}",), False),  # forged, or of another pool
        ((f"{NAME}={token('s9')}",), False),
        ((f"X{NAME}={S1}",), False),
        ((f"{NAME.lower()}={S1}",), False),  # names of cookies have their case
        ((f"a={NAME}={S1}",), False),
        ((f'a="; {NAME}={S1}"',), False),
        ((f"{NAME}",), False),
        (("",), False),
        ((";;;==;",), False),
        ((f"{NAME}=" + "A" * 8000,), False),
    ],
)
async def test_a_cookie_leads_to_its_server_only_when_it_is_ours_and_whole(sessions, cookies, found):
    sessions.bind({"s1": DRAIN})  # so that nothing but a cookie leads there
    response = await sessions.ask(get(*cookies))
    assert (response.body == b"s1") is found


@pytest.mark.parametrize("name", ["cookie", "COOKIE", "cOOkie"])
async def test_the_name_of_the_field_has_any_case(sessions, name):
    response = await sessions.ask(get(lines=f"{name}: {cookie('s1')}\r\n"))
    assert response.body == b"s1"


@pytest.mark.parametrize("line", ["X-Cookie: ", "Cookie2: ", "X: Cookie: "])
async def test_other_fields_are_no_cookies(sessions, line):
    assert (await sessions.ask(get(lines=f"{line}{cookie('s1')}\r\n"))).body == b"s0"


@pytest.mark.parametrize("target", [f"/?{NAME}={S1}", f"/Cookie: {NAME}={S1}".replace(" ", ""), f"/{NAME}="])
async def test_a_target_is_no_cookie(sessions, target):
    sessions.bind({"s1": DRAIN})
    for cookies in ((), ("a=b",), (cookie("s2"),)):
        response = await sessions.ask(get(*cookies).replace(b"GET / ", b"GET %b " % target.encode()))
        assert response.body == (b"s2" if cookies == (cookie("s2"),) else b"s0")
        sessions.balancer.pool.tickets = CountedTickets()


async def test_a_body_is_no_cookie(sessions):
    sessions.bind({"s1": DRAIN})
    client = await sessions.balancer.client()
    body = f"\r\nCookie: {cookie('s1')}\r\n\r\n"
    for _ in range(2):  # the second takes the common path
        await client.send(get(method="POST", lines=f"Content-Length: {len(body)}\r\n") + body.encode())
        assert (await client.response()).body != b"s1"


async def test_a_route_that_takes_cookies_away_takes_this_one_too(sessions):
    sessions.balancer.route({"pool": "web", "request_headers": {"remove": ["Cookie"]}})
    assert (await sessions.ask(get(cookie("s1")))).body == b"s0"


# --- whatever a client sends

STATES = [{}, DRAIN, MAINT, DOWN, {"effective_weight": 0}]
TAKES_BOUND, TAKES_NEW = {"s0", "s1", "s4"}, {"s0"}
PIECES = st.one_of(
    st.sampled_from([f"s{number}" for number in range(6)]).flatmap(
        lambda server_id: st.sampled_from([cookie(server_id), cookie(server_id, FORMER), token(server_id)])
    ),
    st.sampled_from([NAME + "=", NAME, ";", "; ", '"', "=", ",", "\t", "a=b"]),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=30),
)


class Request:
    """What a pick looks at."""

    simple = True
    bound_to = None

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.number = 0


JUMBLE = st.lists(PIECES, max_size=6).map("".join)


@given(st.lists(JUMBLE, max_size=4), JUMBLE, JUMBLE)
def test_no_cookie_leads_to_a_server_that_takes_nobody(cookies, target, other):
    pool = LivePool("web", CountedTickets(), Ticker(SystemClock()), PoolSettings())
    addresses = [Address("127.0.0.1", 9000 + number) for number in range(5)]
    bind(
        pool,
        addresses,
        {f"s{number}": state for number, state in enumerate(STATES)},
        secrets=(SECRET, FORMER),
    )
    head = get(*cookies, lines=f"X: {other}\r\n").replace(b"GET /", b"GET /" + target.encode("latin-1"))
    request = Request(head + b"Cookie: " + cookie("s1").encode() + b"\r\n\r\n")  # with a body
    server = pool.choose(request)
    assert server.id in TAKES_BOUND
    if server.id not in TAKES_NEW:
        known = (token(server.id).encode(), token(server.id, FORMER).encode())
        assert any(value.encode("latin-1").find(token) >= 0 for value in cookies for token in known)
    assert request.simple is (request.bound_to is not None)


def test_a_retry_of_a_bound_client_goes_to_another_server_each_time():
    pool = LivePool("web", CountedTickets(), Ticker(SystemClock()), PoolSettings())
    bind(pool, [Address("127.0.0.1", 9000 + number) for number in range(3)])
    followers = set()
    for _ in range(50):
        request = Request(get(cookie("s0")))
        server = pool.choose(request)
        followers.add(pool.next_after(request.number, (server,)).id)
    assert followers == {"s1", "s2"}
