"""Exchanges that took a route which does more than name a pool: under its rules, their responses edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from cluster_lb.proxy import failures
from cluster_lb.proxy.exchange import Exchange
from cluster_lb.wire.request_head import RequestFields

if TYPE_CHECKING:
    from cluster_lb.proxy.downstream import Downstream
    from cluster_lb.proxy.route import Route
    from cluster_lb.proxy.table_route import TableRoute
    from cluster_lb.proxy.upstream import ResponseMemo
    from cluster_lb.routing.edits import FieldEdits


_END = b"\r\n"
_LAST = b"Connection: close\r\n\r\n"


class RoutedExchange(Exchange):
    """`host`: as the client named it; only known where the route is not plain."""

    host = b""

    route: TableRoute

    def begin(
        self, client: Downstream, route: Route, method: bytes, request_line: bytes, simple: bool
    ) -> None:
        super().begin(client, route, method, request_line, simple)
        taken = self.route
        if taken.turns is not None:
            self.pool = next(taken.turns)
        if taken.changes_rules:
            self.simple = simple and not taken.repeats_statuses
            self._rules = taken.rules_for(self.pool)

    @classmethod
    def with_fields(
        cls, client: Downstream, route: Route, method: bytes, request_line: bytes, fields: RequestFields
    ) -> Self:
        exchange = super().with_fields(client, route, method, request_line, fields)
        exchange.host = fields.host or b""
        return exchange

    def may_be_simple(self) -> bool:
        # a response whose head is known is not asked for its status: the pool's words decided on it
        return not self.route.repeats_statuses and super().may_be_simple()

    def check(self, now: float) -> None:
        limit_s = self.route.request_timeout_s
        if limit_s and self.tunnel is None and now - self.started > limit_s:
            self.refuse(failures.REQUEST_TIMEOUT)
        else:
            super().check(now)


class EditedExchange(RoutedExchange):
    """One whose route edits the fields of responses. What comes of a head is remembered with it, unless it is
    good for one request alone."""

    def on_whole_response(self, memo: ResponseMemo, data: bytes) -> None:
        self.status = memo.status
        body = data[memo.raw_bytes :]
        self.response_bytes = len(body)
        self.client.transport.write(self._forward(memo) + (_END if self.keep else _LAST) + body)
        self._settle()

    def _forward(self, memo: ResponseMemo) -> bytes:
        edits = self.route.response_edits
        assert edits is not None
        if edits.unique:
            return self._edited(memo, edits)
        key = (edits, self.client.peer, self.host) if edits.varies else (edits,)
        if memo.edited is None or memo.edited[0] != key:
            memo.edited = key, self._edited(memo, edits)
        return memo.edited[1]

    def _edited(self, memo: ResponseMemo, edits: FieldEdits) -> bytes:
        line, _, block = memo.head.forward.partition(b"\r\n")
        values = self.route.variables(self.client.peer, self.host, self.request_id) if edits.varies else {}
        return line + b"\r\n" + edits.apply(block, values)
