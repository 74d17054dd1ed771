"""Who probes what: for each server the k members with the highest rendezvous hash of (member, server).

Every node computes the same answer from the same members, and when a member comes or goes only the
servers that it probes change hands. With 50 members and 1,000 servers the 50,000 hashes would hold up the
data path, so a change of members is worked out from the previous answer.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b


def _hash(text: str) -> int:
    """64 bits, the same in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def probers(server_key: str, members: Iterable[str], k: int) -> tuple[str, ...]:
    """The min(k, members) members that probe the server, highest hash first. `server_key` is unique over
    the pools."""
    return tuple(heapq.nlargest(k, members, key=lambda member: (_hash(f"{member}/{server_key}"), member)))


def phase(server_key: str, rank: int, k: int) -> float:
    """Where in the interval (0..1) the prober of `rank` 0..k-1 begins: servers are spread by hash, the k
    probers of one server evenly."""
    return (_hash(server_key) / 2**64 + rank / k) % 1.0


class Assignment:
    """The probers of the servers of one pool, kept up to date as servers and members change.

    With no members known (Redis never seen) this node probes every server. It counts itself as a member
    always: while its own lease is in doubt, one prober too many does no harm.
    """

    def __init__(self, node_id: str, pool: str, members: Collection[str] = ()) -> None:
        self._node_id = node_id
        self._pool = pool
        self._members = frozenset({node_id, *members})
        self._k = 0
        self._probers: dict[str, tuple[str, ...]] = {}  # server id -> who probes it

    def update_servers(self, server_ids: Iterable[str], k: int) -> None:
        """The servers to be probed, each by `k` members."""
        known = self._probers if k == self._k else {}
        self._k = k
        self._probers = {
            server_id: known.get(server_id) or probers(self._key(server_id), self._members, k)
            for server_id in server_ids
        }

    def update_members(self, members: Collection[str]) -> None:
        """The live members."""
        after = frozenset({self._node_id, *members})
        joined, gone = after - self._members, self._members - after
        self._members = after
        for server_id, current in self._probers.items():
            if not gone.isdisjoint(current):
                self._probers[server_id] = probers(self._key(server_id), after, self._k)
            elif joined:
                self._probers[server_id] = probers(self._key(server_id), joined.union(current), self._k)

    def probers_of(self, server_id: str) -> tuple[str, ...]:
        """Who probes the server, highest hash first."""
        return self._probers[server_id]

    def mine(self) -> Mapping[str, float]:
        """The servers that this node probes, each with the phase (0..1) of its probes."""
        return {
            server_id: phase(self._key(server_id), who.index(self._node_id), len(who))
            for server_id, who in self._probers.items()
            if self._node_id in who
        }

    def _key(self, server_id: str) -> str:
        return f"{self._pool}/{server_id}"
