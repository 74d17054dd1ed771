"""The yardstick: a balancer that always knows what every server has in flight, this very moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from cluster_lb.picking import Picker
from cluster_lb.picking.policy import C

if TYPE_CHECKING:
    from scripts.simulation.node import Seen

PERFECT = "perfect"


class PerfectPlan:
    """Of the servers with these ids; it binds to servers as simulated nodes see them."""

    period = 0

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = ids

    def bind(self, live: Mapping[str, C]) -> Picker[C]:
        seen = cast("Mapping[str, Seen]", live)
        return cast("Picker[C]", Perfect([seen[server_id] for server_id in self._ids]))


class Perfect:
    """Picks the server with the fewest attempts in flight for each unit of weight; of equals, the one that
    waits longest for its turn."""

    def __init__(self, servers: list[Seen]) -> None:
        self.turns: Sequence[Seen] = ()
        self._servers = servers

    def first(self, number: int) -> Seen:
        server = min(self._servers, key=_fullness)
        self._servers.remove(server)
        self._servers.append(server)
        return server

    def order(self, number: int) -> Iterator[Seen]:
        return iter(sorted(self._servers, key=_fullness))


def _fullness(seen: Seen) -> float:
    return (seen.server.in_flight + 1) / seen.server.kind.weight
