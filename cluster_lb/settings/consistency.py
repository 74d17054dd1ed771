"""What cannot hold together although each setting by itself is fine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cluster_lb.model.address import Address
from cluster_lb.routing.match import Match
from cluster_lb.settings.health import health_contradictions
from cluster_lb.settings.policies import BY_KEY, UNWEIGHTED
from cluster_lb.settings.problems import Problem
from cluster_lb.settings.rates import clashing_limits
from cluster_lb.settings.schema import Settings
from cluster_lb.settings.tls import listener_contradictions

_EVERY_ADDRESS = {"0.0.0.0", "::"}


def contradictions(settings: Settings) -> Iterator[Problem]:
    """Each pair of settings that exclude one another, named by the key that has to change."""
    yield from _shared_binds(settings)
    yield from _open_admin(settings)
    yield from _repeated_routes(settings)
    yield from _listener_parts(settings)
    yield from _zones_and_keys(settings)
    yield from clashing_limits(settings.routes)
    yield from _ignored_weights(settings)
    for name, pool in settings.pools.items():
        for key, text in health_contradictions(pool.health):
            yield Problem(f"pools.{name}.health.{key}", text)


def _ignored_weights(settings: Settings) -> Iterator[Problem]:
    for name, pool in settings.pools.items():
        if pool.policy not in UNWEIGHTED:
            continue
        text = (
            f"has no effect with policy {pool.policy!r}, which goes by no weights: use weighted_{pool.policy}"
        )
        if pool.weights == "adaptive":
            yield Problem(f"pools.{name}.weights", text)
        if pool.slow_start.duration_s:
            yield Problem(f"pools.{name}.slow_start.duration_s", text)


def _shared_binds(settings: Settings) -> Iterator[Problem]:
    taken = {"node.admin": settings.node.admin}
    for index, listener in enumerate(settings.listeners):
        for owner, address in taken.items():
            if _collide(listener.bind, address):
                yield Problem(
                    f"listeners.{index}.bind",
                    f"{listener.bind} is taken by {owner} ({address}); use another port",
                )
        taken[f"listeners.{index}.bind"] = listener.bind


def _collide(one: Address, other: Address) -> bool:
    if one.port != other.port or one.port == 0:  # port 0: the system gives each a free one
        return False
    return one.host == other.host or bool({one.host, other.host} & _EVERY_ADDRESS)


def _open_admin(settings: Settings) -> Iterator[Problem]:
    node = settings.node
    if not node.admin.is_loopback() and not node.admin_token:
        text = f"{node.admin} is open to other machines: set node.admin_token, or bind a loopback address"
        yield Problem("node.admin", text)


def _repeated_routes(settings: Settings) -> Iterator[Problem]:
    matches: dict[Match, int] = {}
    names: dict[str, int] = {}
    for index, route in enumerate(settings.routes):
        match = replace(route.match, priority=0)  # the one of lower priority would never be taken
        if match in matches:
            text = f"matches the same requests as routes.{matches[match]}; remove one"
            yield Problem(f"routes.{index}", text)
        elif route.label in names:
            text = f"{route.label!r} is the name of routes.{names[route.label]} too; give it another"
            yield Problem(f"routes.{index}.name", text)
        matches.setdefault(match, index)
        names.setdefault(route.label, index)


def _listener_parts(settings: Settings) -> Iterator[Problem]:
    for index, listener in enumerate(settings.listeners):
        for key, text in listener_contradictions(listener):
            yield Problem(f"listeners.{index}.{key}", text)
        if listener.proxy_protocol_from and not listener.accept_proxy:
            text = "says who may send a PROXY header, which is not accepted: set accept_proxy = true"
            yield Problem(f"listeners.{index}.proxy_protocol_from", text)


def _zones_and_keys(settings: Settings) -> Iterator[Problem]:
    for name, pool in settings.pools.items():
        if pool.zone_aware.enabled and pool.policy in BY_KEY:
            text = (
                f"{pool.policy} sends a key to one server, whatever node it comes by, so no node can prefer"
                " its zone: switch this off, or take another policy"
            )
            yield Problem(f"pools.{name}.zone_aware.enabled", text)
