"""Requests that agree in their key go to one server; those that have none are spread."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import compile_policy
from cluster_lb.picking.hashing import hash_of
from cluster_lb.proxy.hash_keys import number_of
from cluster_lb.settings.schema import PoolSettings
from tests.doubles.http_servers import OK


def request(line: str = "GET / HTTP/1.1", *fields: str, body: str = "", address: str = "192.0.2.1"):
    """An exchange as the policies' keys see it."""
    head = "".join(f"{text}\r\n" for text in (line, *fields)) + "\r\n"
    return SimpleNamespace(
        request_line=f"{line}\r\n".encode(),
        head=(head + body).encode("latin-1"),
        client=SimpleNamespace(address=lambda: address),
    )


@pytest.mark.parametrize(
    ("hash_key", "asked", "key"),
    [
        ("client_ip", request(address="2001:db8::7"), b"2001:db8::7"),
        ("path", request("GET /a/b?c=d HTTP/1.1"), b"/a/b"),
        ("path", request("OPTIONS * HTTP/1.1"), b"*"),
        ("header:X-Tenant", request("GET / HTTP/1.1", "x-tenant:  Blue "), b"Blue"),
        ("header:x-tenant", request("GET / HTTP/1.1", "X-Tenant: a", "B: c", "X-TENANT: d"), b"a, d"),
        ("header:X-*", request("GET / HTTP/1.1", "X-A: 1", "X-*: 2"), b"2"),
        ("cookie:id", request("GET / HTTP/1.1", "Cookie: a=1; id=7; id=8"), b"7"),
        ("cookie:id", request("GET / HTTP/1.1", "cookie: xid=1", "Cookie: id=7"), b"7"),
        ("cookie:id", request("GET / HTTP/1.1", 'Cookie: Id=1;id="7 8" '), b'"7 8"'),
        ("query:id", request("GET /id=1?xid=2&id=3&id=4 HTTP/1.1"), b"3"),
        ("query:id", request("GET /?id=%37?id=2 HTTP/1.1"), b"%37?id=2"),
        ("query:a.b[]", request("GET /?axb[]=1&a.b[]=2 HTTP/1.1"), b"2"),
        ("{path}|{header:a}", request("GET /x HTTP/1.1", "A: b"), b"/x|b"),
        ("{client_ip} {header:a}", request(), b"192.0.2.1 "),
    ],
)
def test_the_key_is_found(hash_key, asked, key):
    assert number_of(hash_key)(asked) == hash_of(key)


@pytest.mark.parametrize(
    ("hash_key", "asked"),
    [
        ("header:X-Tenant", request("POST / HTTP/1.1", body="\r\nX-Tenant: in the body\r\n")),
        ("header:X-Tenant", request("GET / HTTP/1.1", "X-Tenant:", "X-Tenant-Id: 3")),
        ("cookie:id", request("GET / HTTP/1.1", "Cookie: a=1; xid=7; id=")),
        ("cookie:id", request()),
        ("query:id", request("GET /id=1?x=2 HTTP/1.1")),
        ("query:id", request("GET /?id= HTTP/1.1")),
        ("{header:a}/{cookie:b}", request()),
    ],
)
def test_without_a_key_the_number_is_any(hash_key, asked):
    number = number_of(hash_key)
    assert len({number(asked) for _ in range(20)}) > 15


def hashed(balancer, hash_key: str, policy: str = "consistent_hash") -> None:
    """The pool goes by that key from now on."""
    settings = {"policy": policy, "hash_key": hash_key}
    balancer.pool.configure(PoolSettings.model_validate(settings))
    servers = tuple(Server(f"s{n}", server.address) for n, server in enumerate(balancer.servers))
    snapshot = Snapshot("web", balancer.pool.epoch + 1, policy, 0.5, servers)
    balancer.pool.adopt(snapshot, compile_policy(snapshot))


async def served_by(client, request_text: str) -> str:
    response = await client.ask(request_text.encode() + b"\r\n\r\n")
    return response["x-served-by"]


async def five(start, hash_key: str, policy: str = "consistent_hash", **listener):
    balancer = await start(debug_headers=True, **listener)
    for _ in range(5):
        await balancer.answering(OK)
    hashed(balancer, hash_key, policy)
    return balancer


@pytest.mark.parametrize("policy", ["consistent_hash", "rendezvous_hash"])
async def test_requests_of_one_key_go_to_one_server_whatever_else_they_say(start, policy):
    balancer = await five(start, "cookie:user", policy)
    by_user = {}
    for _ in range(3):
        client = await balancer.client()
        for user in range(12):
            for path in ("/", "/x"):
                ask = f"GET {path} HTTP/1.1\r\nHost: a\r\nCookie: user={user}; n={path}"
                server = await served_by(client, ask)
                by_user.setdefault(user, set()).add(server)
    assert all(len(servers) == 1 for servers in by_user.values())
    assert len(set.union(*by_user.values())) > 2


async def test_behind_trusted_proxies_the_client_is_whom_they_tell_of(start):
    balancer = await five(start, "client_ip", trusted_proxies=["127.0.0.0/8"])
    client = await balancer.client()
    told, same = {}, {}
    for number in range(12):
        ask = f"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.{number}"
        told[number] = await served_by(client, ask)
        same[number] = await served_by(client, ask.replace("203.0.113", "198.51.100.9, 203.0.113"))
    assert len(set(told.values())) > 2
    assert same == told


async def test_what_an_untrusted_client_tells_of_itself_changes_nothing(start):
    balancer = await five(start, "client_ip")
    client = await balancer.client()
    asks = [f"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.{number}" for number in range(12)]
    assert len({await served_by(client, ask) for ask in asks}) == 1


async def test_a_header_is_taken_as_servers_get_it(start):
    balancer = await five(start, "header:X-Tenant")
    balancer.route({"path_prefix": "/", "pool": "web", "request_headers": {"set": {"X-Tenant": "one"}}})
    client = await balancer.client()
    asks = [f"GET / HTTP/1.1\r\nHost: a\r\nX-Tenant: {number}" for number in range(12)]
    assert len({await served_by(client, ask) for ask in asks}) == 1


async def test_a_key_whose_server_is_out_goes_to_one_other_and_comes_back(start):
    balancer = await five(start, "query:id")
    client = await balancer.client()
    ask = "GET /?id=7 HTTP/1.1\r\nHost: a"
    home = await served_by(client, ask)
    balancer.pool.servers[home].out = True
    away = {await served_by(client, ask) for _ in range(5)}
    assert len(away) == 1
    assert home not in away
    balancer.pool.servers[home].out = False
    assert await served_by(client, ask) == home


async def test_requests_without_a_key_are_spread(start):
    balancer = await five(start, "cookie:user")
    client = await balancer.client()
    served = {await served_by(client, "GET / HTTP/1.1\r\nHost: a") for _ in range(60)}
    assert len(served) == 5
