"""A route of the table at work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cluster_lb.proxy.answer import Answer, AnsweredExchange
from cluster_lb.proxy.exchange import Exchange
from cluster_lb.proxy.mirror import Mirror, MirroredExchange
from cluster_lb.proxy.route import Route
from cluster_lb.proxy.routed_exchange import EditedExchange, RoutedExchange
from cluster_lb.proxy.rules import Rules, statuses_of
from cluster_lb.routing.edits import FieldEdits
from cluster_lb.routing.host import without_port
from cluster_lb.routing.rewrite import PathRewrite
from cluster_lb.routing.spread import spread
from cluster_lb.settings.route_parts import FieldEditSettings, encoded_host
from cluster_lb.settings.routes import RouteSettings

if TYPE_CHECKING:
    from cluster_lb.proxy.pool import LivePool
    from cluster_lb.proxy.rate_limits import RouteLimit
    from cluster_lb.proxy.request_memo import RequestMemo
    from cluster_lb.proxy.route_counts import RouteCounts


class _EditedMirroredExchange(MirroredExchange, EditedExchange):
    """Both."""


class TableRoute(Route):
    """`turns`: the pools in the order of their turns, where there are several. `request_timeout_s`: of whole
    exchanges, 0: none. `repeats_statuses`: the route's own words on retries name statuses. `pools` has every
    pool that `settings` name; `nowhere` stands for the pool of requests that go to none. `begin`: where in
    their period the turns begin, from 0 to under 1."""

    __slots__ = (
        "_attempts",
        "_name",
        "_request_edits",
        "_response_s",
        "_retries",
        "_rewrite",
        "_rules",
        "answer",
        "changes_rules",
        "mirror",
        "repeats_statuses",
        "request_timeout_s",
        "response_edits",
        "turns",
    )

    def __init__(
        self,
        settings: RouteSettings,
        pools: Mapping[str, LivePool],
        nowhere: LivePool,
        counts: RouteCounts,
        mirror: Mirror | None,
        rate_limits: tuple[RouteLimit, ...] = (),
        begin: float = 0.0,
    ) -> None:
        weights = settings.pool_weights
        super().__init__(pools[next(iter(weights))] if weights else nowhere, counts=counts)
        self._name = settings.label.encode("ascii", "replace")
        self.mirror = mirror
        self.turns: Iterator[LivePool] | None = (
            map(pools.__getitem__, spread(weights, begin)) if len(weights) > 1 else None
        )
        self._rewrite = _rewrite(settings)
        self._request_edits = _edits(settings.request_headers, settings.set_host)
        self.response_edits = _edits(settings.response_headers)
        self.answer = None if weights else Answer(settings)
        self.max_body_bytes = settings.max_body_bytes
        self.request_timeout_s = settings.timeouts.request_s
        self._attempts = settings.attempts
        self._retries = settings.retries
        self.repeats_statuses = settings.retries is not None and bool(statuses_of(settings.retries))
        self._response_s = settings.timeouts.response_s
        self.changes_rules = bool(self._attempts or self._response_s or self._retries is not None)
        # Pool -> its rules, and what this route makes of them.
        self._rules: dict[str, tuple[Rules, Rules]] = {}
        self.exchange = self._kind_of_exchange()
        varies = self.response_edits is not None and self.response_edits.varies
        limited = settings.max_body_bytes is not None
        self.rate_limits = rate_limits
        edited = self._rewrite or self._request_edits or varies
        self.plain = not (edited or mirror or self.answer or limited or rate_limits)

    def _kind_of_exchange(self) -> type[Exchange]:
        if self.answer is not None:
            return AnsweredExchange
        if self.mirror is not None:
            return MirroredExchange if self.response_edits is None else _EditedMirroredExchange
        if self.response_edits is not None:
            return EditedExchange
        special = self.turns is not None or self.changes_rules or self.request_timeout_s
        return RoutedExchange if special else Exchange

    def rules_for(self, pool: LivePool) -> Rules:
        """The pool's rules with this route's changes."""
        before, merged = self._rules.get(pool.name, (None, pool.rules))
        if before is not pool.rules:  # the first time, or the pool was configured anew
            merged = self._changed(pool.rules)
            self._rules[pool.name] = (pool.rules, merged)
        return merged

    def _changed(self, rules: Rules) -> Rules:
        if self._retries is not None:
            rules = rules.with_retries(self._retries)
        response_s = self._response_s or rules.response_timeout_s
        try_s = rules.try_timeout_s
        if self._response_s and try_s == rules.response_timeout_s:  # the pool has none of its own for tries
            try_s = response_s
        return replace(
            rules,
            attempts=self._attempts or rules.attempts,
            response_timeout_s=response_s,
            try_timeout_s=min(try_s, response_s),
        )

    def variables(self, peer: str, host: bytes, request_id: bytes = b"") -> dict[str, bytes]:
        """What the values of edits may hold."""
        return {
            "client": peer.encode("ascii"),
            "host": without_port(host),
            "route": self._name,
            "request_id": request_id,
        }

    def request_head(self, request_line: bytes, memo: RequestMemo, peer: str) -> bytes:
        if self._rewrite is not None:
            method, target, version = request_line.split(b" ")
            request_line = b"%b %b %b" % (method, self._rewrite.target(target), version)
        return request_line + self._tail(memo, peer)

    def _tail(self, memo: RequestMemo, peer: str) -> bytes:
        """The field lines for servers. A memo is of one client address, so they are remembered with it."""
        if self._request_edits is None:
            return memo.tail
        if memo.edited is None or memo.edited[0] is not self:
            values = self.variables(peer, memo.fields.host or b"")
            memo.edited = self, self._request_edits.apply(memo.tail[:-2], values) + b"\r\n"
        return memo.edited[1]


def _rewrite(settings: RouteSettings) -> PathRewrite | None:
    if not (settings.strip_prefix or settings.replace_prefix):
        return None
    return PathRewrite(settings.strip_prefix or settings.path_prefix, settings.replace_prefix)


def _edits(settings: FieldEditSettings, host: str = "") -> FieldEdits | None:
    set_to = dict(settings.set)
    if host:
        set_to["Host"] = encoded_host(host).decode("ascii")
    if not (set_to or settings.add or settings.remove):
        return None
    return FieldEdits(settings.remove, set_to, tuple(settings.add.items()))
