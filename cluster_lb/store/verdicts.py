"""Votes and verdicts: what the nodes think of the servers, and what follows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from cluster_lb.model.availability import Health
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.health import HealthSettings
from cluster_lb.store.client import Store
from cluster_lb.store.foreign import UNREADABLE
from cluster_lb.store.scripts import load

_CAST = load("cast_votes")
_READ = load("read_votes")
_DEFAULTS = HealthSettings()

#: server id -> node id -> its vote
Votes = Mapping[str, Mapping[str, Vote]]


class Verdicts:
    """Votes of this node. Calls raise StoreUnavailableError or StoreError. `flips`: pool -> verdicts that its
    votes flipped."""

    def __init__(self, store: Store) -> None:
        self.flips: Counter[str] = Counter()
        self._store = store

    async def cast(
        self,
        pool: str,
        node_id: str,
        votes: Mapping[str, Vote],
        lease_ms: int = 5000,
        settings: HealthSettings = _DEFAULTS,
    ) -> list[str]:
        """Cast or refresh votes, server id -> UP or DOWN; returns the servers whose verdict flipped. A vote
        counts while the node's lease lives and for 3 leases after it was cast: refresh it every 2 s.
        `settings`: the pool's, for its flap damping."""
        if not votes:
            return []
        keys = self._store.keys.pool(pool)
        flipped: list[str] = await self._store.run(
            _CAST,
            [
                keys.epoch,
                keys.servers,
                keys.verdicts,
                keys.nodes,
                keys.votes_prefix,
                keys.server_prefix,
                keys.weights,
            ],
            [
                self._store.keys.events,
                pool,
                node_id,
                lease_ms,
                json.dumps({server: {"health": v.health, "reason": v.reason} for server, v in votes.items()}),
                json.dumps(_damping(settings)),
            ],
        )
        self.flips[pool] += len(flipped)
        return flipped

    async def votes(self, pool: str) -> Votes:
        """The votes of live nodes as they are in Redis. What is no vote is left out."""
        keys = self._store.keys.pool(pool)
        found = json.loads(await self._store.run(_READ, [keys.servers, keys.votes_prefix, keys.nodes], []))
        # Lua cannot tell an empty object from an empty list
        return {server_id: _read_votes(texts) for server_id, texts in dict(found).items()}


def _damping(settings: HealthSettings) -> dict[str, int]:
    return {
        "limit": settings.flap_limit,
        "window_ms": round(settings.flap_window_s * 1000),
        "hold_ms": round(settings.flap_hold_s * 1000),
        "max_hold_ms": round(settings.flap_max_hold_s * 1000),
    }


def _read_votes(texts: Mapping[str, str]) -> dict[str, Vote]:
    votes = ((node, _read_vote(text)) for node, text in sorted(texts.items()))
    return {node: vote for node, vote in votes if vote is not None}


def _read_vote(text: str) -> Vote | None:
    try:
        value = json.loads(text)
        return Vote(Health(value["health"]), str(value.get("reason", "")), int(value.get("at_ms", 0)))
    except UNREADABLE:
        return None
