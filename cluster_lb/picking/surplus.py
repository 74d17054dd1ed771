"""What the other nodes' load means for the picks of this one.

Reports are old when they are used: up to a quarter of a second, in which a busy server has begun and ended
its requests many times over. If every node sent its next requests to the server that looked empty, all of
them would, and the next report would show it as the fullest (Mitzenmacher, "How useful is old
information?", 2000). So a node takes three things into account.

Its own count is exact, and when every node keeps its own requests level, their sums are level too. What the
others have matters where they do not: one holds long requests on a server, or cannot reach another.

A server that has less than its part is not chased; one that has more is avoided. The few that are too full
may be left out by everybody at once without harm to the rest; the one that is empty may not be taken by
everybody.

What is too much on a server is everybody's to make up for, so each node counts its own part of it: its
share of all that is in flight, at least an equal one. The smallest step of a node is one request. Where
nodes break ties alike, all of them may take it at once, so that only whole requests count, and what is less
is left to chance or to the tickets. Where each has an order of its own (see tiebreaks.py), a part of a
request moves just that part of the nodes.
"""

from __future__ import annotations

from collections.abc import Mapping


def surpluses(elsewhere: Mapping[str, int], weights: Mapping[str, int], part: float) -> dict[str, float]:
    """Server id -> what counts on it beside this node's own attempts, above 0; the others have none.
    `elsewhere`: id -> the other nodes' attempts in flight; `weights`: of all eligible servers; `part`: of
    this node in all that is in flight, 0..1."""
    counted = {server_id: count for server_id, count in elsewhere.items() if server_id in weights}
    total, whole = sum(counted.values()), sum(weights.values())
    result = {}
    for server_id, count in counted.items():
        weight = weights[server_id]
        if weight < whole:
            fair = (total - count) * weight / (whole - weight)  # as much as the other servers have
            if (surplus := part * (count - fair)) > 0:
                result[server_id] = surplus
    return result


def own_part(here: int, elsewhere: int, nodes: int) -> float:
    """A node's part in the traffic of all `nodes`, by what is in flight; at least an equal one, for one that
    has little in flight is no reason to send more to a server that is too full."""
    return max(here / (here + elsewhere) if here else 0.0, 1 / max(1, nodes))
