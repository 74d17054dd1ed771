"""Sticky sessions of one pool: a cookie keeps a client with the server that answered it first.

The cookie holds a token that stands for the server on every node (`picking.tokens`). Here its search in the
request and one look into a dict decide; what cannot be honoured is picked as if there were no cookie, and
the response brings the cookie of the server that gave it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cluster_lb.picking.tokens import TOKEN_CHARS, Tokens
from cluster_lb.settings.sticky import StickySettings

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.pool import LivePool
    from cluster_lb.proxy.server import LiveServer


class Sticky:
    """The bonds of `pool` under one snapshot. `tokens`: those of its servers that take bound clients, the
    ones that are given out first, then the ones that are still taken."""

    __slots__ = ("_by_token", "_find", "_name", "_new", "_pool", "_tail", "_tokens")

    def __init__(self, pool: LivePool, settings: StickySettings, tokens: Sequence[Tokens]) -> None:
        self._pool = pool
        self._name = settings.cookie_of(pool.name).encode("ascii") + b"="
        pattern = rb'(?:^|;)[\t ]*%b("?)([A-Za-z0-9_-]{%d})\1[\t ]*(?=;|\Z)'
        self._find = re.compile(pattern % (re.escape(self._name), TOKEN_CHARS)).finditer
        self._new = {server_id: token for token, server_id in tokens[0].items()}
        self._by_token = {
            token: pool.servers[server_id] for known in tokens for token, server_id in known.items()
        }
        self._tail = _attributes(settings)

    def choose(self, exchange: Exchange) -> LiveServer | None:
        """The server that the client is bound to, if that can take its exchange; None: it is anybody's, and
        its response brings a cookie."""
        token = self._token_in(exchange.head)
        server = self._by_token.get(token) if token else None
        if server is None or not server.takes_bound or not self._admits(server):
            exchange.simple = False
            return None
        if token == self._new[server.id]:
            exchange.bound_to = server
        else:
            exchange.simple = False  # signed by the former secret
        self._pool.bonds_kept += 1
        exchange.number = self._pool.bound_number(exchange)
        return server

    def lines(self, exchange: Exchange) -> bytes:
        """The field lines that bind the client to the server that answers; empty where it is bound to it, or
        where the server takes no bound clients any more."""
        server = exchange.server
        if server is None or server is exchange.bound_to or server.id not in self._new:
            return b""
        self._pool.bonds_made += 1
        return b"Set-Cookie: " + self._name + self._new[server.id] + self._tail

    def _token_in(self, head: bytes) -> bytes | None:
        """The first of the request's cookies that names one of the servers."""
        at = head.find(self._name)
        if at < 0:
            return None
        end = head.index(b"\r\n\r\n")  # what follows is a body
        while 0 <= at < end:
            begin, after = head.rfind(b"\n", 0, at) + 1, head.index(b"\r", at)
            if head[begin : begin + 7].lower() == b"cookie:":
                for match in self._find(head[begin + 7 : after]):
                    if match[2] in self._by_token:
                        return match[2]
            at = head.find(self._name, after)
        return None

    def _admits(self, server: LiveServer) -> bool:
        """Whether the pool's limits leave room; counts the exchange where they do."""
        limits = self._pool.limits
        if limits is None:
            return True
        if not (limits.is_open() and limits.takes(server)):
            return False
        limits.in_flight += 1
        return True


def _attributes(settings: StickySettings) -> bytes:
    """What follows the value, and the rest of the lines."""
    parts = [f"Path={settings.path}"]
    if settings.domain:
        parts.append(f"Domain={settings.domain}")
    if settings.lifetime_s:
        parts.append(f"Max-Age={settings.lifetime_s}")
    if settings.secure:
        parts.append("Secure")
    if settings.http_only:
        parts.append("HttpOnly")
    parts.append(f"SameSite={settings.same_site.capitalize()}")
    # A cache that kept this response for others would send all of them to one server (HAProxy `nocache`).
    return f"; {'; '.join(parts)}\r\nCache-Control: private\r\n".encode("ascii")
