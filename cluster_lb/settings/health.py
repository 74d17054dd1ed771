"""How the servers of a pool are probed, and what cannot go together in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt

from cluster_lb.errors import InvalidValueError
from cluster_lb.settings.base import Table, matching, read_by
from cluster_lb.settings.route_parts import Pattern

SHORTEST_S = 0.05  # between two probes

_RANGE = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
_HEX = "hex:"


def payload(text: str) -> bytes:
    """The bytes that `text` stands for: itself in UTF-8, or hexadecimal digits after `hex:`."""
    if not text.startswith(_HEX):
        return text.encode()
    try:
        return bytes.fromhex(text.removeprefix(_HEX))
    except ValueError:
        raise InvalidValueError(f"{text!r}: after hex: write pairs of hexadecimal digits") from None


def statuses(text: str) -> range:
    """The statuses that `401` or `200-299` stands for."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise InvalidValueError(f"{text!r}: write a status as 401, or a range as 200-299")
    first, last = int(match[1]), int(match[2] or match[1])
    if first > last:
        raise InvalidValueError(f"{text!r}: the range is empty; write the lower status first")
    return range(first, last + 1)


def _interval(value: float) -> float:
    if 0 < value < SHORTEST_S:
        raise InvalidValueError(f"{value:g} s: must be at least {SHORTEST_S:g}, or 0")
    return value


Port = Annotated[int, Field(ge=0, le=65535)]
Payload = Annotated[str, read_by(payload)]
Status = Annotated[str, BeforeValidator(lambda v: str(v) if type(v) is int else v), read_by(statuses)]
OtherInterval = Annotated[float, Field(ge=0), AfterValidator(_interval)]
# No dot in a name: in Redis a setting is a field of dotted names. No field that aiohttp makes itself.
ProbeHeader = Annotated[
    str,
    matching(r"[A-Za-z0-9_-]{1,64}", "use 1 to 64 letters, digits, '_' or '-'"),
    AfterValidator(lambda name: _not_framing(name)),
]
Service = Annotated[str, matching(r"[!-~]{0,256}", "use at most 256 characters of visible ASCII")]
HeaderText = Annotated[str, matching(r"[!-~]([ -~]*[!-~])?", "use ASCII, no space at an end")]


def _not_framing(name: str) -> str:
    if name.lower() in ("host", "connection", "content-length", "transfer-encoding"):
        own = "set `host` instead" if name.lower() == "host" else "it belongs to the connection"
        raise InvalidValueError(f"{name} cannot be set here: {own}")
    return name


class AgentSettings(Table):
    """HAProxy's agent-check: a port beside the server's own that says in words how the server is."""

    port: Port = 0  # 0: there is no agent
    send: Payload = ""  # HAProxy agent-send
    interval_s: Annotated[float, Field(ge=SHORTEST_S)] = 2.0  # HAProxy agent-inter
    timeout_s: PositiveFloat = 1.0  # of one question, as of a probe


class HealthSettings(Table):
    """How the servers of a pool are probed. Defaults are HAProxy's (inter 2 s, rise 2, fall 3)."""

    kind: Literal["http", "tcp", "grpc", "none"] = "tcp"
    port: Port = 0  # of the server, for probes; 0: its own (HAProxy `port`)
    method: Literal["GET", "HEAD", "OPTIONS"] = "GET"  # those that may be repeated
    path: Annotated[str, matching(r"/[!-~]*", "begin with '/' and use visible ASCII")] = "/"
    host: Annotated[str, matching(r"[!-~]*", "use visible ASCII")] = ""  # Host; empty: the server's address
    headers: dict[ProbeHeader, HeaderText] = Field(default_factory=dict)
    expect_status: Annotated[tuple[Status, ...], Field(min_length=1)] = ("200-399",)  # as HAProxy
    expect_body: Pattern = ""  # is looked for; empty: not
    send: Payload = ""
    expect: Payload = ""  # is looked for in what the server says; empty: not
    service: Service = ""  # empty: the whole server
    interval_s: Annotated[float, Field(ge=SHORTEST_S)] = 2.0
    fast_interval_s: OtherInterval = 0.0  # between the states; 0: interval_s (HAProxy `fastinter`)
    down_interval_s: OtherInterval = 0.0  # while DOWN; 0: interval_s (HAProxy `downinter`)
    timeout_s: PositiveFloat = 1.0
    rise: PositiveInt = 2
    fall: PositiveInt = 3
    probers: PositiveInt = 3  # nodes that probe one server
    slow_ms: NonNegativeInt = 0  # a slower answer counts as failed; 0: off
    flap_limit: NonNegativeInt = 5  # flips within the window; after more UP waits; 0: off
    flap_window_s: PositiveFloat = 60.0
    flap_hold_s: PositiveFloat = 10.0  # the first wait; each further one is twice as long
    flap_max_hold_s: PositiveFloat = 300.0  # (route flap damping, RFC 2439, ends after an hour at most)
    agent: AgentSettings = AgentSettings()

    @property
    def judges(self) -> bool:
        """Whether nodes vote on the servers at all."""
        return self.kind != "none" or self.agent.port != 0


_ONLY_FOR = {
    "method": "http",
    "path": "http",
    "headers": "http",
    "expect_status": "http",
    "expect_body": "http",
    "send": "tcp",
    "expect": "tcp",
    "service": "grpc",
}


def health_contradictions(health: HealthSettings) -> Iterator[tuple[str, str]]:
    """(key, text) of what cannot hold together in one pool's probes."""
    for key, kind in _ONLY_FOR.items():
        default = HealthSettings.model_fields[key].get_default(call_default_factory=True)
        if health.kind != kind and getattr(health, key) != default:
            yield key, f'is for kind = "{kind}", and kind is "{health.kind}"'
    if health.host and health.kind not in ("http", "grpc"):
        yield "host", f'is for kind = "http" or "grpc", and kind is "{health.kind}"'
    if health.kind == "http" and health.method == "HEAD" and health.expect_body:
        yield "expect_body", 'never matches with method = "HEAD": such an answer has no body'
    if health.agent.send and not health.agent.port:
        yield "agent.send", "needs agent.port: where the agent listens"
