"""Tokens of servers: the same everywhere, and of no use to whoever wants another."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.tokens import TOKEN_CHARS, Tokens, make_tokens

NEW, OLD = "a secret of sixteen or more", "another secret, the one before"
SERVERS = [Server(f"10.0.0.{n}:8000", Address(f"10.0.0.{n}", 8000)) for n in range(1, 200)]


def tokens_of(servers: Sequence[Server], *secrets: str) -> tuple[Tokens, ...]:
    return make_tokens(Snapshot("web", 1, "round_robin", 0.0, tuple(servers), sticky_secrets=secrets))


def test_every_node_makes_the_same_tokens_and_no_two_servers_share_one():
    (tokens,) = tokens_of(SERVERS, NEW)
    assert tokens_of(SERVERS[::-1], NEW) == (tokens,)
    assert sorted(tokens.values()) == sorted(server.id for server in SERVERS)


def test_a_token_is_what_hmac_makes_of_the_id():
    (tokens,) = tokens_of([Server("a", Address("127.0.0.1", 9001))], "key")
    # printf a | openssl dgst -sha256 -hmac key -binary | head -c 16 | basenc --base64url
    assert tokens == {b"eAw9tM495bnlWBb7qY9ZBg": "a"}


def test_another_secret_makes_other_tokens():
    new, old = tokens_of(SERVERS, NEW, OLD)
    assert not new.keys() & old.keys()
    assert sorted(new.values()) == sorted(old.values())


def test_a_token_tells_nothing_of_its_server():
    (tokens,) = tokens_of(SERVERS, NEW)
    assert all(re.fullmatch(rb"[A-Za-z0-9_-]{%d}" % TOKEN_CHARS, token) for token in tokens)


def test_only_servers_that_take_bound_clients_have_one():
    away = Server("away", Address("127.0.0.1", 9001), admin_state=AdminState.MAINT)
    drains = Server("drains", Address("127.0.0.1", 9002), admin_state=AdminState.DRAIN)
    (tokens,) = tokens_of([away, drains], NEW)
    assert list(tokens.values()) == ["drains"]
