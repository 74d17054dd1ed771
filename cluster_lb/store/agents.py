"""What agents said of their servers, for all nodes."""

from __future__ import annotations

import json

from cluster_lb.model.advice import Advice
from cluster_lb.store.client import Store
from cluster_lb.store.scripts import load

_NOTE = load("note_agent")


def changes(advice: Advice, held: Advice) -> dict[str, str]:
    """The fields of a server's hash that `advice` changes where `held` is; an empty text takes one away."""
    fields: dict[str, str] = {}
    if advice.percent is not None and advice.percent != held.percent:
        fields |= {"agent_percent": str(advice.percent), "agent_weight": ""}
    if advice.weight is not None and advice.weight != held.weight:
        fields |= {"agent_weight": str(advice.weight), "agent_percent": ""}
    if advice.state is not None and advice.state is not held.state:
        fields["agent_state"] = advice.state.value
    if advice.maxconn is not None and advice.maxconn != held.maxconn:
        fields["agent_maxconn"] = str(advice.maxconn)
    return fields


class Agents:
    """Notes of this node. Calls raise StoreUnavailableError or StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def note(self, pool: str, server_id: str, advice: Advice, held: Advice) -> None:
        """Keep what an agent said, where it differs from what was `held` of it."""
        fields = changes(advice, held)
        if not fields:
            return
        keys = self._store.keys.pool(pool)
        await self._store.run(
            _NOTE,
            [keys.epoch, keys.servers, keys.server(server_id), keys.config, keys.weights],
            [self._store.keys.events, pool, server_id, json.dumps(fields)],
        )
