"""round_robin: a turn each, whatever the weight."""

from __future__ import annotations

from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.round_robin import round_robin
from tests.doubles.candidates import candidates


def test_each_server_has_one_turn_in_the_given_order():
    servers = tuple(
        Server(name, Address("127.0.0.1", 9001), effective_weight=weight)
        for name, weight in [("b", 7), ("a", 1), ("c", 256)]
    )
    rotation = round_robin(Snapshot("web", 1, "round_robin", 0.5, servers))
    assert [server.id for server in rotation.bind(candidates("abc")).turns] == ["b", "a", "c"]
