"""weighted_round_robin: the smooth schedule of the effective weights."""

from __future__ import annotations

from collections import Counter

from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.weighted_round_robin import weighted_round_robin
from tests.doubles.candidates import candidates


def test_turns_follow_the_effective_weight_and_not_the_configured_one():
    servers = tuple(
        Server(name, Address("127.0.0.1", 9001), weight=100, effective_weight=weight)
        for name, weight in [("a", 10), ("b", 5), ("c", 5)]
    )
    rotation = weighted_round_robin(Snapshot("web", 1, "weighted_round_robin", 0.5, servers))
    turns = rotation.bind(candidates("abc")).turns
    assert Counter(server.id for server in turns) == {"a": 2, "b": 1, "c": 1}
    assert rotation.period == 4
