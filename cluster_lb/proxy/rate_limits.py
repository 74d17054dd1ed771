"""Rate limits on the way of a request: whether it may pass, and what its client is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cluster_lb.model.ports import LimitedKeys
from cluster_lb.model.rate_limit import RateLimit
from cluster_lb.proxy.limit_keys import key_of
from cluster_lb.proxy.responses import retry_after, whole_seconds
from cluster_lb.settings.rates import RateLimitSettings
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.wire.request_head import RequestFields

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange


class RouteLimit:
    """One limit of a route; `keys` decides, and may be shared with other routes."""

    __slots__ = ("_headers", "_key_of", "_keys", "_name", "_policy")

    def __init__(self, settings: RateLimitSettings, limit: RateLimit, keys: LimitedKeys) -> None:
        self._key_of = key_of(settings)
        self._keys = keys
        self._headers = settings.headers
        self._name = limit.name
        self._policy = f'RateLimit-Policy: "{limit.name}";q={limit.requests};w={limit.window_s}\r\n'

    def denies(self, exchange: Exchange, fields: RequestFields) -> bool:
        """Count the request; where it is over the limit, answer it."""
        key = self._key_of(exchange.client, fields)
        denial = self._keys.take(key)
        if denial is None:
            if self._headers:
                quota = self._keys.quota(key)
                exchange.response_lines += self._lines(quota.remaining, quota.full_in_s)
            return False
        if denial.cut_off:
            exchange.deny(503, "the rate limit cannot be checked", retry_after(denial.retry_s))
        else:
            lines = retry_after(denial.retry_s) + self._lines(0, denial.retry_s)
            exchange.deny(429, "rate limit exceeded", lines)
        return True

    def _lines(self, remaining: int, seconds: float) -> bytes:
        """draft-ietf-httpapi-ratelimit-headers-10: the policy, what remains of it, and for how long."""
        text = f'{self._policy}RateLimit: "{self._name}";r={remaining};t={whole_seconds(seconds)}\r\n'
        return text.encode("ascii")


def limits_of(route: RouteSettings, *, ensure: Callable[[RateLimit], LimitedKeys]) -> tuple[RouteLimit, ...]:
    """The limits of a route; `ensure` gives the keys of a limit."""
    return tuple(
        RouteLimit(settings, limit, ensure(limit))
        for settings, limit in zip(route.rate_limits, route.limits(), strict=True)
    )


def is_denied(exchange: Exchange, limits: Sequence[RouteLimit], fields: RequestFields) -> bool:
    """Whether the request is over one of the limits; then it is answered. Those before that one count it."""
    return any(limit.denies(exchange, fields) for limit in limits)
