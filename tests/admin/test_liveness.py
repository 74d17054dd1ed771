"""What an orchestrator asks."""

from __future__ import annotations

from cluster_lb import __version__


async def test_a_living_node_says_who_it_is(client):
    answer = await client.get("/healthz")
    assert await answer.json() == {"node": "n1", "version": __version__, "started_at_ms": 1_700_000_000_000}


async def test_readiness_is_the_nodes_own_with_its_reason(client, node):
    assert (await client.get("/readyz")).status == 200
    node.readiness = (False, "draining")
    answer = await client.get("/readyz")
    assert (answer.status, await answer.json()) == (503, {"ready": False, "reason": "draining"})
