"""Rate limits of a route, shared by the cluster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field, model_validator

from cluster_lb.model.rate_limit import BLOCK_S, OnLoss, RateLimit
from cluster_lb.settings.base import Table, matching
from cluster_lb.settings.problems import Problem

if TYPE_CHECKING:
    from cluster_lb.settings.routes import RouteSettings

_SAFE = "/:.-_~!$&'()*+,;=@"  # what a name keeps as it is: it goes into a Redis key and a quoted header


def _check_key(value: str) -> str:
    if value in ("client_ip", "host", "all"):
        return value
    if re.fullmatch(r"header:[!#$%&'*+.^_`|~0-9A-Za-z-]+", value):
        return value.lower()
    raise ValueError(f"{value!r} is no key; known: client_ip, host, all, header:NAME")


class RateLimitSettings(Table):
    """`requests` in each `window_s` for each key, over all nodes together."""

    name: Annotated[
        str, matching(r"[A-Za-z0-9._/-]{0,64}", "use at most 64 letters, digits, '.', '_', '/' or '-'")
    ] = ""  # empty: made of route and limit
    key: Annotated[str, AfterValidator(_check_key)] = "client_ip"
    requests: Annotated[int, Field(ge=1, le=1_000_000)]
    window_s: Annotated[int, Field(ge=1, le=86_400)] = 1
    burst: Annotated[int, Field(ge=1, le=1_000_000)] | None = (
        None  # at once, after a silence; None: `requests`
    )
    on_redis_loss: OnLoss = "local"  # Kong falls back to local counts; Envoy, Skipper: open
    ipv6_prefix: Annotated[int, Field(ge=1, le=128)] = 64  # of client_ip: one subscriber has a /64 at least
    headers: bool = False  # RateLimit fields on answers within the limit, too (Envoy: off)

    @model_validator(mode="after")
    def _check_burst(self) -> RateLimitSettings:
        least = round(2 * BLOCK_S * self.requests / self.window_s)
        if self.burst is not None and self.burst < least:
            raise ValueError(
                f"burst {self.burst} is too small for {self.requests} requests in {self.window_s} s: "
                f"nodes take what comes in {BLOCK_S} s at a time; set at least {least}"
            )
        return self

    def on_route(self, route: str) -> RateLimit:
        """The limit, on a route of that name."""
        name = self.name or f"{route}:{self.key}:{self.requests}/{self.window_s}s"
        return RateLimit(
            quote(name, safe=_SAFE),
            self.requests,
            self.window_s,
            self.burst or self.requests,
            self.on_redis_loss,
        )


def clashing_limits(routes: Iterable[RouteSettings]) -> Iterator[Problem]:
    """Limits of one name share their buckets, so they must be the same."""
    seen: dict[str, tuple[str, RateLimitSettings]] = {}
    for index, route in enumerate(routes):
        for number, (settings, limit) in enumerate(zip(route.rate_limits, route.limits(), strict=True)):
            here = f"routes.{index}.rate_limits.{number}"
            first, other = seen.setdefault(limit.name, (here, settings))
            if settings.model_copy(update={"name": other.name}) != other:
                text = f"differs from {first}, which has the name {limit.name!r} too; give it another `name`"
                yield Problem(here, text)
