"""One line of the routing table: which requests, where they go, what is changed on the way.

docs/routes.md tells what each key does; `route_parts` has the tables inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from cluster_lb.errors import InvalidValueError
from cluster_lb.model.rate_limit import RateLimit
from cluster_lb.routing.match import FieldCondition, Match, PathKind
from cluster_lb.settings.base import Table, matching
from cluster_lb.settings.names import PoolName
from cluster_lb.settings.rates import RateLimitSettings
from cluster_lb.settings.retries import RetryRules
from cluster_lb.settings.route_parts import (
    FieldEditSettings,
    FieldMatch,
    FieldName,
    Host,
    Method,
    Path,
    Pattern,
    RedirectSettings,
    RespondSettings,
    ResponseEditSettings,
    RouteTimeouts,
    encoded_host,
)

# Not matched on: what a client says here is replaced unless it is trusted.
_FORWARDING = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"}

Weight = Annotated[int, Field(ge=0, le=1000)]

_TO_SERVERS = (
    *("strip_prefix", "replace_prefix", "set_host", "request_headers"),
    *("timeouts", "attempts", "retries", "mirror"),
)


class RouteSettings(Table):
    """What matches is `host`, one of `path_prefix`, `path`, `path_regex`, `methods` and `headers`; what is
    done is one of `pool`, `pools`, `redirect`, `respond`."""

    name: Annotated[
        str, matching(r"[!-~]([ -~]{0,126}[!-~])?", "use 1 to 128 characters of ASCII, no space at an end")
    ] = ""  # else made from the match
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0  # over specificity; the higher is first
    host: Host = ""  # empty: any; *.example.com: any depth of names under it, not itself
    path_prefix: Path = "/"  # whole segments
    path: Path = ""  # exact
    path_regex: Pattern = ""  # of the whole path
    methods: tuple[Method, ...] = ()  # empty: any
    headers: dict[FieldName, str | FieldMatch] = Field(default_factory=dict)
    pool: PoolName = ""
    pools: dict[PoolName, Weight] = Field(default_factory=dict)
    redirect: RedirectSettings | None = None
    respond: RespondSettings | None = None
    strip_prefix: Path = ""
    replace_prefix: Path = ""
    set_host: Host = ""
    request_headers: FieldEditSettings = FieldEditSettings()
    response_headers: ResponseEditSettings = ResponseEditSettings()
    timeouts: RouteTimeouts = RouteTimeouts()
    attempts: Annotated[int, Field(ge=0, le=10)] = 0  # 0: the pool's
    retries: RetryRules | None = None  # none: the pool's
    max_body_bytes: Annotated[int, Field(ge=0)] | None = None  # none: the listener's; 0: any
    rate_limits: tuple[RateLimitSettings, ...] = ()
    mirror: PoolName = ""
    mirror_percent: Annotated[float, Field(gt=0, le=100)] = 100.0

    @model_validator(mode="after")
    def _holds_together(self) -> RouteSettings:
        for problem in _contradictions(self):
            raise InvalidValueError(problem)
        return self

    @property
    def pool_weights(self) -> dict[str, int]:
        """Where requests go, by weight; empty for a route that answers by itself."""
        return self.pools or ({self.pool: 1} if self.pool else {})

    @property
    def _conditions(self) -> list[tuple[str, str | FieldMatch]]:
        return sorted((name.lower(), wanted) for name, wanted in self.headers.items())

    @property
    def match(self) -> Match:
        kind, path = PathKind.PREFIX, self.path_prefix.rstrip("/")
        if self.path:
            kind, path = PathKind.EXACT, self.path
        elif self.path_regex:
            kind, path = PathKind.REGEX, self.path_regex
        return Match(
            host=encoded_host(self.host),
            kind=kind,
            path=path.encode("ascii"),
            methods=frozenset(method.encode("ascii") for method in self.methods),
            fields=tuple(_condition(name, wanted) for name, wanted in self._conditions),
            priority=self.priority,
        )

    @property
    def label(self) -> str:
        """The route's name, else one made from its match: `GET api.example.com/v1 x-canary=1`."""
        return self.name or self.match_label

    @property
    def match_label(self) -> str:
        """`=` stands before an exact path, `~` before a regular expression, as nginx writes them."""
        path = (
            f"={self.path}" if self.path else f"~{self.path_regex}" if self.path_regex else self.path_prefix
        )
        words = [",".join(self.methods)] if self.methods else []
        words.append((self.host.lower() or "*") + path)
        return " ".join([*words, *(_shown(name, wanted) for name, wanted in self._conditions)])

    def limits(self) -> list[RateLimit]:
        """The limits that `rate_limits` stand for on this route."""
        name = self.label if self.name or self.host else self.label.replace("*", "", 1)
        return [limit.on_route(name) for limit in self.rate_limits]

    @property
    def action_label(self) -> str:
        """What is done: `to web`, `to stable:95 canary:5`, `redirect 308 ...`, `respond 200`."""
        if self.redirect is not None:
            return f"redirect {self.redirect.status} {self.redirect.location}"
        if self.respond is not None:
            return f"respond {self.respond.status}"
        weights = (f"{pool}:{weight}" for pool, weight in self.pools.items())
        return f"to {self.pool or ' '.join(weights)}"


def _condition(name: str, wanted: str | FieldMatch) -> FieldCondition:
    if isinstance(wanted, str):
        return FieldCondition(name, value=wanted.encode("ascii"))
    return FieldCondition(name, pattern=wanted.regex or None)


def _shown(name: str, wanted: str | FieldMatch) -> str:
    if isinstance(wanted, str):
        return f"{name}={wanted}"
    return f"{name}~{wanted.regex}" if wanted.regex else name


def _contradictions(route: RouteSettings) -> Iterator[str]:
    """What cannot hold together in one route, or means nothing."""
    paths = [name for name in ("path", "path_regex") if getattr(route, name)]
    if route.path_prefix != "/":
        paths.append("path_prefix")
    if len(paths) > 1:
        yield f"{' and '.join(paths)} exclude one another; keep one"
    actions = [name for name in ("pool", "pools", "redirect", "respond") if getattr(route, name)]
    if len(actions) != 1:
        found = " and ".join(actions) or "none of them"
        yield f"takes exactly one of pool, pools, redirect and respond, not {found}"
    if route.pools and not any(route.pools.values()):
        yield "pools: all weights are 0; give one of them a weight"
    yield from _in_headers(route)
    if route.redirect or route.respond:
        for name in _TO_SERVERS:
            if _is_set(route, name):
                yield f"{name} is for requests that go to servers; this route answers by itself"
    yield from _in_prefixes(route)
    if _is_set(route, "mirror_percent") and not route.mirror:
        yield "mirror_percent is nothing without mirror"


def _is_set(route: RouteSettings, name: str) -> bool:
    return bool(getattr(route, name) != RouteSettings.model_fields[name].default)


def _in_headers(route: RouteSettings) -> Iterator[str]:
    names = [name.lower() for name in route.headers]
    for name, wanted in route.headers.items():
        if names.count(name.lower()) > 1:
            yield f"headers: {name} is named twice"
        if name.lower() in _FORWARDING:
            yield f"headers: {name} is replaced unless the client is trusted; no route can ask for it"
        if isinstance(wanted, str) and not (wanted.isascii() and wanted.isprintable()):
            yield f"headers.{name}: {wanted!r} holds other than visible ASCII"


def _in_prefixes(route: RouteSettings) -> Iterator[str]:
    matched = (route.path or route.path_prefix).rstrip("/") + "/"
    if (
        route.strip_prefix
        and not route.path_regex
        and not matched.startswith(route.strip_prefix.rstrip("/") + "/")
    ):
        yield f"strip_prefix: {route.strip_prefix} does not begin the paths that match ({matched})"
    if route.replace_prefix and (route.path or route.path_regex) and not route.strip_prefix:
        yield "replace_prefix replaces path_prefix, or strip_prefix; give one of them"
