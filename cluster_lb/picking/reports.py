"""What the other nodes' reports mean for the picks of this one, noted with each server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic

from cluster_lb.model.place import Place
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.bounded_loads import set_leeways
from cluster_lb.picking.policy import POLICIES, C, Numbers
from cluster_lb.picking.surplus import own_part, surpluses
from cluster_lb.picking.tiebreaks import tiebreaks

# So few servers are looked at as a whole with each pick, and are level to within some percent by that: there
# ties by tickets are worth more, by which requests are even too, over any time.
_SMALL = 8


class Reports(Generic[C]):
    """For picks from `snapshot` among the `live` servers, which are by id and hold all of its own."""

    __slots__ = ("_begun", "_eligible", "_factor", "_live", "_place", "_policy", "_weights")

    def __init__(self, snapshot: Snapshot, live: Mapping[str, C]) -> None:
        self._live = live
        self._policy = POLICIES[snapshot.policy]
        self._factor = snapshot.balance_factor if self._policy.bounds_load else 0.0
        self._weights = {server.id: server.effective_weight for server in snapshot.eligible}
        self._eligible = [live[server_id] for server_id in self._weights]
        self._place = Place()
        self._begun = 0.0

    def hear(self, place: Place, elsewhere: Mapping[str, int], now: float) -> None:
        """What the others have in flight, by server id, as heard by the node at `place` at the monotonic time
        `now`."""
        for server in self._live.values():
            server.elsewhere = elsewhere.get(server.id, 0)
        if self._policy.by_load:
            self._set_surpluses(place, elsewhere, now)
        elif self._factor:
            set_leeways(self._eligible, list(self._weights.values()), self._factor, place.nodes)

    def _set_surpluses(self, place: Place, elsewhere: Mapping[str, int], now: float) -> None:
        here, others = sum([server.load for server in self._live.values()]), sum(elsewhere.values())
        found = surpluses(elsewhere, self._weights, own_part(here, others, place.nodes))
        if place != self._place:  # all nodes see that at about one time
            self._place, self._begun = place, now
        # A pool that is nearly idle is shared by tickets: these are even over any time, however short.
        busy = here + others >= len(self._eligible) > _SMALL
        if busy and place.nodes > 1 and self._policy.numbers is Numbers.TICKET:
            self._break_ties(found, tiebreaks(len(self._eligible), place, now - self._begun))
        else:
            for server in self._eligible:
                server.surplus = int(found.get(server.id, 0.0))

    def _break_ties(self, found: Mapping[str, float], breaks: Sequence[float]) -> None:
        for server, tiebreak in zip(self._eligible, breaks, strict=True):
            surplus = found.get(server.id, 0.0)
            # Of a part of a request the half: all of it would be better where requests take seconds, and
            # nothing where they take milliseconds.
            server.surplus = (surplus + int(surplus)) / 2 + tiebreak
