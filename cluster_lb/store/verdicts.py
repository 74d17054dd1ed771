"""Votes and verdicts: what the nodes think of the servers, and what follows."""

from __future__ import annotations

import json
from collections.abc import Mapping

from cluster_lb.model.availability import Health
from cluster_lb.model.verdict import Vote
from cluster_lb.store.client import Store
from cluster_lb.store.scripts import load

_CAST = load("cast_votes")


class Verdicts:
    """Votes of this node. Calls raise StoreUnavailableError or StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def cast(
        self, pool: str, node_id: str, votes: Mapping[str, Vote], lease_ms: int = 5000
    ) -> list[str]:
        """Cast or refresh votes, server id -> UP or DOWN; returns the servers whose verdict flipped. A vote
        counts while the node's lease lives and for 3 leases after it was cast: refresh it every 2 s."""
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
            ],
        )
        return flipped

    async def votes(self, pool: str, server_id: str) -> dict[str, Vote]:
        """The votes on a server as they are in Redis: node -> vote. What is no vote is left out."""
        fields = await self._store.call("HGETALL", self._store.keys.pool(pool).votes(server_id))
        votes: dict[str, Vote] = {}
        for node, text in sorted(fields.items()):
            if (vote := _read_vote(text)) is not None:
                votes[node] = vote
        return votes


def _read_vote(text: str) -> Vote | None:
    try:
        value = json.loads(text)
        return Vote(Health(value["health"]), str(value.get("reason", "")))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
